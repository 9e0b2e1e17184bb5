"""Probes and hooks run beside the container, and the container lives by what they say."""

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.grpc_health import DATA, frame
from condor_sidecar.job.supervisor.plan import Action, Probe
from condor_sidecar.model.result import JobResult

from tests.unit.sidecar.supervisor import test_grpc_health
from tests.unit.sidecar.supervisor.jobs import Job, by_name, pod, shell, text

WAITS = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done"


def command(script: str) -> Action:
    return Action("exec", ["/bin/sh", "-c", script])


def often(action: Action, **fields: int) -> Probe:
    """A probe that is tried every second and counts at once; it may take long, since tests share their machine."""
    return Probe(action, **{"period": 1, "timeout": 20, "failure_threshold": 1, **fields})


def told(result: JobResult) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in result.events]


def test_a_container_whose_liveness_fails_is_asked_to_end_and_comes_again(tmp_path: Path) -> None:
    sick, ran = tmp_path / "sick", tmp_path / "ran"
    alive = command(f"test ! -e {sick} || {{ echo $WHO is dead; exit 1; }}")
    # the second run is well from its beginning: its probe may be quicker than it
    first = WAITS.replace("echo told", f"rm {sick}; echo told").replace("echo up", f"echo up; touch {ran} {sick}")
    script = f"[ -e {ran} ] && exit 0; {first}"
    main = shell("a", script, liveness=often(alive), env=[("WHO", "ana"), ("PATH", os.environ["PATH"])])
    result = Job(tmp_path / "job", pod(main, restart_policy=plan.ON_FAILURE)).run()
    a = by_name(result)["a"]
    assert (a.exit_code, a.restart_count) == (0, 1)
    assert text(result, "a.previous") == "up\ntold\n"
    assert ("Unhealthy", "Liveness probe failed: ana is dead\n") in told(result)
    assert ("Killing", "Container a failed liveness probe, will be restarted") in told(result)


def test_readiness_comes_and_goes(tmp_path: Path) -> None:
    ready = command(f"test -e {tmp_path}/ready")
    job = Job(tmp_path / "job", pod(shell("a", WAITS, readiness=often(ready)))).start()
    seen = job.wait_until(lambda result: by_name(result)["a"].started_up)
    assert not by_name(seen)["a"].ready
    (tmp_path / "ready").touch()
    job.wait_until(lambda result: by_name(result)["a"].ready)
    (tmp_path / "ready").unlink()
    job.wait_until(lambda result: not by_name(result)["a"].ready)
    job.send()
    assert by_name(job.end())["a"].exit_code == 0


def test_a_probe_s_command_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    slow = command(f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    job = Job(tmp_path / "job", pod(shell("a", WAITS, liveness=often(slow, timeout=5)))).start()
    result = job.end()
    words = [message for reason, message in told(result) if reason == "Unhealthy"]
    assert words[0].startswith('Liveness probe failed: command timed out: "/bin/sh -c')
    assert words[0].endswith("timed out after 5s")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_probe_that_can_t_be_run_ends_nothing(tmp_path: Path) -> None:
    odd = Action("exec", ["/no/such"])
    job = Job(tmp_path, pod(shell("a", WAITS, liveness=often(odd)))).start()
    seen = job.wait_until(lambda result: "Unhealthy" in [reason for reason, _ in told(result)])
    assert told(seen)[-1][1] == (
        'Liveness probe errored and resulted in unknown state: exec: "/no/such": no such file or directory'
    )
    job.send()
    assert by_name(job.end())["a"].exit_code == 0


class Ready(BaseHTTPRequestHandler):
    """Answers probes well and all else badly."""

    server: "Server"

    def do_GET(self) -> None:
        agent = self.headers["User-Agent"]
        self.server.asked.append((self.path, agent[: agent.index("/") + 1], self.headers["X-Who"]))
        self.send_response(200 if agent.startswith("kube-probe/") else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Ready)
        self.asked: list[tuple[str, str, str | None]] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


def test_requests_and_connections_are_probes_too(tmp_path: Path, server: Server) -> None:
    port = server.server_address[1]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        mains = [
            shell("http", WAITS, readiness=often(Action("http", host="127.0.0.1", port=port, path="/"))),
            shell("tcp", WAITS, readiness=often(Action("tcp", host="127.0.0.1", port=port))),
            shell("closed", WAITS, readiness=often(Action("tcp", host="127.0.0.1", port=closed))),
        ]
        job = Job(tmp_path, pod(*mains)).start()
        seen = job.wait_until(
            lambda result: (
                all(by_name(result)[name].ready for name in ("http", "tcp"))
                and "Unhealthy" in [reason for reason, _ in told(result)]
            )
        )
        assert not by_name(seen)["closed"].ready
        refused = f"Readiness probe failed: dial tcp 127.0.0.1:{closed}: connect: connection refused"
        assert ("Unhealthy", refused) in told(seen)
        job.send()
        job.end()


def test_a_health_service_is_a_probe_too(tmp_path: Path) -> None:
    serving = test_grpc_health.HELLO + test_grpc_health.ANSWER_HEADERS
    serving += frame(DATA, 0, 1, test_grpc_health.answer(1))
    with test_grpc_health.server(serving) as (port, heard):
        readiness = often(Action("grpc", host="127.0.0.1", port=port, service="of.mine"))
        job = Job(tmp_path, pod(shell("a", WAITS, readiness=readiness))).start()
        job.wait_until(lambda result: by_name(result)["a"].ready)
        job.send()
        job.end()
    assert b"of.mine" in b"".join(heard)


def test_requests_are_hooks_too(tmp_path: Path, server: Server) -> None:
    def ask(path: str) -> Action:
        return Action("http", host="127.0.0.1", port=server.server_address[1], path=path, headers=[("X-Who", "ana")])

    main = shell("a", WAITS, post_start=ask("/started"), pre_stop=ask("/stopping"))
    job = Job(tmp_path, pod(main, shell("b", "exit 0"))).start()
    job.wait_until(lambda result: by_name(result)["b"].exit_code == 0)
    assert server.asked == [("/started", "kube-lifecycle/", "ana")]
    job.send()
    result = job.end()
    assert server.asked[1:] == [("/stopping", "kube-lifecycle/", "ana")]
    assert by_name(result)["a"].exit_code == 0
    assert not [reason for reason, _ in told(result) if reason.startswith("Failed")], "500 is an answer"


def test_a_hook_that_reaches_nobody_ends_the_container(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        hook = Action("http", host="127.0.0.1", port=unused.getsockname()[1], path="/")
        result = Job(tmp_path, pod(shell("a", WAITS, post_start=hook))).run()
    (words,) = [message for reason, message in told(result) if reason == "FailedPostStartHook"]
    assert words.startswith('PostStartHook failed: Get "http://127.0.0.1:')
    assert words.endswith("connection refused")


def test_hooks_run_after_the_start_and_before_the_end(tmp_path: Path) -> None:
    note = tmp_path / "note"
    main = shell(
        "a",
        f"trap 'echo TERM >> {note}; exit 0' TERM; while :; do sleep 0.05; done",
        post_start=command(f"echo start >> {note}; sleep 0.2; echo started >> {note}"),
        pre_stop=command(f"sleep 0.2; echo stop >> {note}"),
    )
    after = shell("b", f"echo b >> {note}")
    job = Job(tmp_path / "job", pod(main, after)).start()
    job.wait_until(lambda result: by_name(result)["b"].exit_code == 0)
    job.send()
    job.end()
    assert note.read_text().split() == ["start", "started", "b", "stop", "TERM"]


def test_a_post_start_that_fails_ends_the_container(tmp_path: Path) -> None:
    up = tmp_path / "up"
    failing = command(f"while [ ! -e {up} ]; do sleep 0.05; done; echo no; exit 5")
    main = shell("a", WAITS.replace("echo up", f"touch {up}"), post_start=failing)
    result = Job(tmp_path / "job", pod(main)).run()
    assert ("FailedPostStartHook", "PostStartHook failed: no\n") in told(result)
    assert ("Killing", "FailedPostStartHook") in told(result)
    assert text(result, "a") == "told\n"


def test_a_pre_stop_that_fails_is_told(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", WAITS, pre_stop=command("exit 5")))).start()
    job.wait_until(lambda result: b"up" in result.logs.get("a", b""))
    job.send()
    result = job.end()
    assert ("FailedPreStopHook", "PreStopHook failed: command exited with code 5") in told(result)
    assert by_name(result)["a"].exit_code == 0


def test_a_hook_s_pause_ends_with_the_grace_period(tmp_path: Path) -> None:
    main = shell("a", WAITS, pre_stop=Action("sleep", seconds=1000))
    job = Job(tmp_path, pod(main, grace_seconds=1)).start()
    job.wait_until(lambda result: b"up" in result.logs.get("a", b""))
    job.send()
    assert by_name(job.end())["a"].exit_code == 0
