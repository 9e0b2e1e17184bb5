"""Requests of probes and hooks, towards servers that answer in every way."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import grpc_health
from condor_sidecar.job.supervisor.actions import LIVENESS, PRE_STOP, Attempt
from condor_sidecar.job.supervisor.attempts import THREADS, Attempts, Outcome
from condor_sidecar.job.supervisor.mailbox import Attempted
from condor_sidecar.job.supervisor.plan import Action

from tests.fakes.certificates import Authority


class Box:
    """A mailbox that a test reads."""

    def __init__(self) -> None:
        self.events: queue.Queue[Attempted] = queue.Queue()

    def put(self, event: Attempted) -> None:
        self.events.put(event)


def refuse(*_: object) -> Outcome:
    raise AssertionError("nothing is executed here")


def tried(action: Action, what: str = LIVENESS, timeout: float = 5.0) -> tuple[bool | None, str]:
    box = Box()
    attempts = Attempts(box, refuse, "127.0.0.1")  # type: ignore[arg-type]
    attempts.begin(Attempt("a", what, 3, timeout), action)
    event = box.events.get(timeout=20)
    assert (event.name, event.what, event.run) == ("a", what, 3)
    return event.good, event.message


class Pages(BaseHTTPRequestHandler):
    """`/CODE` answers with that status; other paths do as they are called."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers.items())))
        name = self.path.strip("/").partition("?")[0]
        status, location = {
            "here": (302, "/200"), "away": (302, "http://elsewhere.example:1/"), "round": (302, "/round"),
            "odd": (302, "/\u00e4 b?\u00e4 c#d"), "broken": (302, "http://[x"),
        }.get(name, (int(name) if name.isdigit() else 200, ""))  # fmt: skip
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(b"body")
        while name == "drip" and not self.server.over.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()

    def http(self, path: str, **fields: Any) -> Action:
        return Action("http", port=self.server_address[1], path=path, **fields)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.over.set()
        serving.shutdown()


@pytest.mark.parametrize(
    ("path", "good", "message"),
    [
        ("/200", True, ""),
        ("/204", True, ""),
        ("/399", True, ""),
        ("/400", False, "HTTP probe failed with statuscode: 400"),
        ("/503", False, "HTTP probe failed with statuscode: 503"),
        ("/here", True, ""),
        ("/away", True, "Probe terminated redirects, Response body: body"),
    ],
)
def test_a_probe_succeeds_from_200_to_399_and_where_it_is_led_away(
    server: Server, path: str, good: bool, message: str
) -> None:
    assert tried(server.http(path)) == (good, message)


def test_a_redirect_is_followed_whatever_letters_it_holds(server: Server) -> None:
    assert tried(server.http("/odd")) == (True, "")
    assert server.requests[1][0] == "/%E4%20b?%E4%20c", "bytes of no encoding stay what they are"
    assert tried(server.http("/broken")) == (True, "")


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_host_that_can_t_be_a_name_is_a_failure(kind: str) -> None:
    good, _ = tried(Action(kind, host="\u00e4" * 70, port=80, path="/"))
    assert good is False


def test_redirects_have_an_end(server: Server) -> None:
    good, message = tried(server.http("/round"))
    assert good is False
    assert message.endswith("stopped after 10 redirects")
    assert len(server.requests) == 10


def test_a_hook_takes_any_status(server: Server) -> None:
    assert tried(server.http("/500"), PRE_STOP) == (True, "")
    assert server.requests[0][1]["user-agent"].startswith("kube-lifecycle/")


def test_headers_are_a_kubelet_s_and_the_pod_s(server: Server) -> None:
    headers = [("Host", "name.example"), ("X-Odd", "a b é"), ("Accept", "")]
    assert tried(server.http("/200?a=b", headers=headers)) == (True, "")
    path, seen = server.requests[0]
    assert path == "/200?a=b"
    sent = {name.lower(): value for name, value in seen.items()}
    assert sent["host"] == "name.example"
    assert sent["x-odd"].encode("latin-1").decode() == "a b é"
    assert sent["user-agent"].startswith("kube-probe/")
    assert "accept" not in sent
    tried(server.http("/200"))
    again = {name.lower(): value for name, value in server.requests[1][1].items()}
    assert (again["accept"], again["host"]) == ("*/*", f"127.0.0.1:{server.server_address[1]}")


def test_an_answer_that_drips_is_cut_off_in_time(server: Server) -> None:
    began = time.monotonic()
    good, message = tried(server.http("/drip"), timeout=0.5)
    assert good is False
    assert "context deadline exceeded" in message
    assert time.monotonic() - began < 5


def test_a_certificate_is_not_checked(server: Server, tmp_path: Path) -> None:
    files = Authority.create(tmp_path).server(tmp_path, "somebody-else")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    assert tried(server.http("/200", scheme="https")) == (True, "")


def test_nobody_there_is_told_as_a_kubelet_tells_it() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        refused = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
        assert tried(Action("tcp", port=port)) == (False, refused)
        assert tried(Action("http", port=port, path="/x")) == (False, f'Get "http://127.0.0.1:{port}/x": {refused}')
        assert tried(Action("grpc", port=port)) == (False, f"error: {refused}")


def test_a_connection_is_enough(server: Server) -> None:
    assert tried(Action("tcp", port=server.server_address[1])) == (True, "")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("SERVING", (True, "")), ("NOT_SERVING", (False, 'service unhealthy (responded with "NOT_SERVING")'))],
)
def test_a_service_says_how_it_is(monkeypatch: pytest.MonkeyPatch, status: str, outcome: tuple[bool, str]) -> None:
    asked = []

    def check(*question: object) -> str:
        asked.append(question)
        return status

    monkeypatch.setattr(grpc_health, "check", check)
    assert tried(Action("grpc", port=7, service="s")) == outcome
    assert asked == [("127.0.0.1", 7, "s", 5.0)]


def test_a_pause_ends_with_its_time() -> None:
    assert tried(Action("sleep", seconds=1000), PRE_STOP, timeout=0.05) == (True, "")


def test_what_goes_wrong_inside_is_an_answer() -> None:
    good, message = tried(Action("exec", ["x"]))
    assert (good, message) == (None, "AssertionError: nothing is executed here")


def test_many_probes_share_a_few_threads() -> None:
    box, going, most, lock = Box(), 0, 0, threading.Lock()

    def execute(*_: object) -> Outcome:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        time.sleep(0.01)
        with lock:
            going -= 1
        return Outcome(True, "")

    attempts = Attempts(box, execute, "")  # type: ignore[arg-type]
    for number in range(100):
        attempts.begin(Attempt(str(number), LIVENESS, 0, 5.0), Action("exec", ["x"]))
    assert {box.events.get(timeout=20).name for _ in range(100)} == {str(number) for number in range(100)}
    assert most <= THREADS
