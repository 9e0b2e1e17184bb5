"""The compact record reaches the job's ad over the starter's Chirp connection, and is read back."""

import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from condor_sidecar.core.compact_record import parse_chirp
from condor_sidecar.core.container_status import pod_status
from condor_sidecar.core.state import Evidence, Stage, look
from condor_sidecar.job.supervisor import chirp, redial
from condor_sidecar.job.supervisor.state import PodState
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.plan import ContainerKind, PlannedContainer
from condor_sidecar.model.pod_record import ContainerRecord
from condor_sidecar.model.result import ContainerState, EarlierEnd, JobPhase
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.supervisor.jobs import PATIENCE, Job, container, init, pod

PLANNED = (PlannedContainer("i", ContainerKind.INIT), PlannedContainer("m", ContainerKind.MAIN))


class Starter(socketserver.ThreadingTCPServer):
    """HTCondor's I/O proxy: a cookie first, then commands, each answered by a number."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.answers: list[bytes] = []
        """To the next values, instead of taking them; an empty one is the end of the connection."""
        self.attributes: list[tuple[str, str]] = []

    @property
    def config(self) -> str:
        return f"127.0.0.1 {self.server_address[1]} c00kie\n"


class Connection(socketserver.StreamRequestHandler):
    server: Starter

    def handle(self) -> None:
        cookie = self.rfile.readline()
        self.wfile.write(b"0\n" if cookie == b"cookie c00kie\n" else b"-1\n")
        while line := self.rfile.readline():
            command, name, value = line.decode().rstrip("\n").split(" ", 2)
            if command != "set_job_attr":
                self.wfile.write(b"-8\n")
            elif self.server.answers:
                if not (answer := self.server.answers.pop(0)):
                    return
                self.wfile.write(answer)
            else:
                self.server.attributes.append((name, value))
                self.wfile.write(b"0\n")


@contextmanager
def starter() -> Iterator[Starter]:
    with Starter() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def test_the_attribute_is_set_as_a_string() -> None:
    with starter() as server:
        chirp.set_job_attribute(server.config, "ChirpIL", "2;2;running")
        assert server.attributes == [("ChirpIL", '"2;2;running"')]


@pytest.mark.parametrize("config", ["", "127.0.0.1", "127.0.0.1 x c", "127.0.0.1 1 c"])
def test_a_starter_that_isn_t_there_is_an_error_and_no_crash(config: str) -> None:
    with pytest.raises(chirp.ChirpError):
        chirp.set_job_attribute(config, "ChirpIL", "x")


def test_a_refusal_is_an_error() -> None:
    with starter() as server:
        server.answers = [b"-8\n"]
        with pytest.raises(chirp.ChirpError, match="-8"):
            chirp.set_job_attribute(server.config, "ChirpIL", "x")


@contextmanager
def publisher(folder: Path, server: Starter) -> Iterator[chirp.Publisher]:
    (folder / ".chirp.config").write_text(server.config)
    made = chirp.Publisher(str(folder))
    made.start()
    try:
        yield made
    finally:
        made.close()


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_what_was_refused_comes_later_though_nothing_changes_any_more(tmp_path: Path) -> None:
    with starter() as server, publisher(tmp_path, server) as to:
        to.publish("one")
        wait_until(lambda: len(server.attributes) == 1)
        server.answers = [b"-1\n", b"", b"rubbish\n"]
        to.publish("two")
        wait_until(lambda: len(server.attributes) == 2)
    assert [value for _, value in server.attributes] == ['"one"', '"two"']


def test_after_a_success_it_is_tried_for_as_long_as_the_job_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redial, "LONGEST_PAUSE", 0.01)
    with starter() as server, publisher(tmp_path, server) as to:
        to.publish("one")
        wait_until(lambda: len(server.attributes) == 1)
        server.answers = [b"-1\n"] * 1000
        to.publish("two")
        wait_until(lambda: len(server.answers) < 1000 - 2 * chirp.FIRST_TRIES)
        to.publish("three")
        server.answers.clear()
        wait_until(lambda: server.attributes[-1][1] == '"three"')


def test_the_last_state_is_tried_once_more_when_the_job_ends(tmp_path: Path) -> None:
    with starter() as server, publisher(tmp_path, server) as to:
        server.answers = [b"-1\n"]
        to.publish("one")
        wait_until(lambda: not server.answers)
        to.publish("two")
        to.close()
        assert not to.is_alive()
    assert server.attributes == [("ChirpIL", '"two"')]


def test_a_site_without_chirp_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redial, "LONGEST_PAUSE", 0.01)
    with starter() as server, publisher(tmp_path, server) as to:
        server.answers = [b"-1\n"] * 100
        to.publish("one")
        to.join(PATIENCE)
        assert not to.is_alive()
    assert len(server.answers) == 100 - chirp.FIRST_TRIES


def test_a_pod_s_end_is_in_the_attribute_at_the_latest_when_the_job_ends(tmp_path: Path) -> None:
    with starter() as server:
        job = Job(tmp_path, pod(init("i", "true"), container("m", "/bin/sh", "-c", "exit 3")))
        (tmp_path / ".chirp.config").write_text(server.config)
        final = job.run()
        name, value = server.attributes[-1]
    result = parse_chirp(value.strip('"'), PLANNED)
    assert name == "ChirpIL"
    assert result is not None
    assert (result.phase, result.revision) == (JobPhase.ENDED, final.revision)
    assert [(each.name, each.exit_code, each.reason) for each in result.containers] == [
        ("i", 0, "Completed"),
        ("m", 3, "Error"),
    ]
    assert [str(each.started)[:19] for each in result.containers] == [
        str(each.started)[:19] for each in final.containers
    ]


def test_every_state_is_read_back() -> None:
    state = PodState(pod(init("i"), container("m")), "host", "")
    state.containers[0].state, state.containers[0].exit_code, state.containers[0].reason = "terminated", 137, "Error"
    state.containers[0].started, state.containers[0].finished = 1700000000.5, 1700000001.5
    state.containers[1].state, state.containers[1].started = "running", 1700000002.0
    state.revision, state.phase = 5, "running"
    result = parse_chirp(state.compact(), PLANNED)
    assert result is not None
    first, second = result.containers
    assert (first.state, first.exit_code, first.started, first.finished) == (
        ContainerState.TERMINATED, 137, "2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z",
    )  # fmt: skip
    assert (second.state, second.started, second.exit_code) == (ContainerState.RUNNING, "2023-11-14T22:13:22Z", None)


def test_restarts_and_readiness_are_read_back() -> None:
    state = PodState(pod(init("i"), container("m")), "host", "")
    one, other = state.containers
    one.run(1700000000.0)
    one.finish(3, None, "", "words", 1700000001.0)
    one.wait("CrashLoopBackOff", "back-off")
    other.run(1700000000.0)
    other.finish(137, 9, "OOMKilled", "", 1700000001.0)
    other.begin()
    other.run(1700000002.0)
    other.started_up = other.ready = True
    assert state.compact() == "2;0;starting;;w:CrashLoopBackOff/0:3:Error;r:1700000002:sr/1:137:OOMKilled"
    result = parse_chirp(state.compact(), PLANNED)
    assert result is not None
    first, second = result.containers
    assert (first.reason, first.last, first.restart_count) == ("CrashLoopBackOff", EarlierEnd(3, "Error"), 0)
    assert (second.ready, second.started_up, second.restart_count) == (True, True, 1)
    assert second.last == EarlierEnd(137, "OOMKilled")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "rubbish",
        "1;1;running;;w:;w:",
        "2;1;running;;w:",
        "2;1;running;;w:;w:;w:",
        "2;x;running;;w:;w:",
        "2;1;odd;;w:;w:",
        "2;1;running;;w:;r:x",
        "2;1;running;;w:;t:1:2:3",
        "2;1;running;;w:;t:999:1:2:Error",
        "2;1;running;;w:;t:-1:1:2:Error",
        "2;1;running;;w:;t:1:99999999999999:2:Error",
        "2;1;running;;w:;t:1:99999999999999999:2:Error",
        "2;1;running;;w:;r:99999999999999999:",
        "2;1;running;;w:;r:-1:",
        "2;1;running;;w:;r:1_0:",
        "2;1;running;;w:;r:\u0661:",
        "2;9999999999999999999999999;running;;w:;w:",
        "2;-1;running;;w:;w:",
        "2;1;running;two words;w:;w:",
        "2;1;running;;w:;w:\u00e9",
        "2;1;running;;w;w:",
        "2;1;running;;w:;r:1:x",
        "2;1;running;;w:;w:/1:2",
        "2;1;running;;w:;w:/-1:2:Error",
        "2;1;running;;w:;w:/1:256:Error",
        "2;1;running;;w:;w:/1:1:a b",
        "2;1;running;;w:;w:a b",
    ],
)
def test_what_is_no_record_is_ignored(value: str) -> None:
    assert parse_chirp(value, PLANNED) is None


_numbers = st.one_of(st.integers(-1, 300), st.integers(10**9, 10**18)).map(str) | st.text(
    "0123456789_ -+\u0661", max_size=20
)
_words = st.sampled_from(["", "Error", "two words", "\u00e9"]) | st.text(max_size=5)
_ends = st.builds("{}:{}:{}".format, _numbers, _numbers, _words)
_containers = st.one_of(
    st.builds("w:{}".format, _words),
    st.builds("r:{}:{}".format, _numbers, st.sampled_from(["", "s", "sr", "x"])),
    st.builds("t:{}:{}:{}:{}".format, _numbers, _numbers, _numbers, _words),
    st.builds("w:{}/{}".format, _words, _ends),
    st.text(max_size=10),
)
_values = st.builds(
    "2;{};{};{};{};{}".format, _numbers, st.sampled_from([*JobPhase, "odd"]), _words, _containers, _containers
)


@given(st.text() | _values)
def test_whatever_the_attribute_holds_a_status_can_be_made_of_the_pod(value: str) -> None:
    record = parse_chirp(value, PLANNED)
    containers = tuple(ContainerRecord(each.name, each.kind) for each in PLANNED)
    running = JobAd(cluster=7, proc=1, uid="u", status=2)
    view = look(Evidence(containers=containers, stage=Stage.PRESENT, now=1767225700.0, ad=running, live=record))
    status = pod_status("u", "ns", "n", "il-u", view)
    assert msgspec.json.encode(status)
    for shown in (*(status.initContainers or ()), *(status.containers or ())):
        assert 0 <= shown["restartCount"] <= 1_000_000
        assert re.fullmatch("[A-Za-z]*", shown["state"].get("waiting", {}).get("reason", ""))
