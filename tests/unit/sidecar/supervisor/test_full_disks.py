"""A worker node without room: the pod is evicted in words, its state comes back, and no container hangs on its output."""

import contextlib
import errno
import io
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from condor_sidecar.core.result import parse_out_tar
from condor_sidecar.job.supervisor.channel_protocol import STDOUT
from condor_sidecar.job.supervisor.logs import LogFile, Pump
from condor_sidecar.job.supervisor.report import Reporter
from condor_sidecar.job.supervisor.sandbox import Sandbox
from condor_sidecar.job.supervisor.state import ENDED, PodState

from tests.unit.sidecar.supervisor.jobs import Job, by_name, container, pod, shell, text

FULL = "ln -s /dev/full {}/pod/out.tar; echo up; trap 'exit 7' TERM; while :; do sleep 0.05; done"


@contextlib.contextmanager
def room_for_files_of(size: int) -> Iterator[None]:
    """No file may grow over `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def line(number: int) -> bytes:
    return b"2023-11-14T22:13:20.250000000Z stdout F line %06d\n" % number


def test_a_pod_on_a_full_disk_is_evicted_and_keeps_what_is_known(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", "sleep 0.5; " + FULL.format(tmp_path)), shell("b", "sleep 1; exit 3")))
    result = job.run()
    assert result.reason == "Evicted"
    assert result.message == (
        "The node was low on resource: ephemeral-storage. The job's directory: No space left on device"
    )
    assert {name: each.exit_code for name, each in by_name(result).items()} == {"a": 7, "b": 3}
    assert text(result, "a") == "up\n"
    streamed = job.seen()
    assert streamed is not None and streamed.containers == result.containers


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    (tmp_path / "pod/containers").mkdir(parents=True)
    return Sandbox(str(tmp_path))


def reporter_of(sandbox: Sandbox) -> Reporter:
    state = PodState(pod(container("a", "x")), "host", "")
    state.phase, state.reason = ENDED, "Evicted"
    return Reporter(sandbox, state, 0)


def test_where_logs_find_no_room_the_state_does(sandbox: Sandbox, tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"), 1 << 20)
    for number in range(3000):
        log.write(line(number))
    reporter = reporter_of(sandbox)
    with room_for_files_of(50_000):
        problem = reporter.save({"a": log}, {})
    reporter.close()
    assert problem is not None and problem.errno == errno.EFBIG
    with (tmp_path / "out.tar").open("rb") as file:
        result = parse_out_tar(file, ["a"])
    assert (result.reason, result.logs) == ("Evicted", {})
    assert not (tmp_path / "pod/out.tar").exists()


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_supervisor_that_can_t_even_complain_goes_on(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = reporter_of(sandbox)
    monkeypatch.setattr(sys, "stderr", Full())
    with room_for_files_of(100):
        assert reporter.save({}, {}) is not None
    reporter.close()


def test_a_result_that_finds_no_room_at_all_leaves_the_one_before(sandbox: Sandbox, tmp_path: Path) -> None:
    reporter = reporter_of(sandbox)
    assert reporter.save({}, {}) is None
    before = (tmp_path / "out.tar").read_bytes()
    with room_for_files_of(100):
        assert reporter.save({}, {}) is not None
    reporter.close()
    assert (tmp_path / "out.tar").read_bytes() == before


def test_what_the_containers_wrote_makes_room_for_the_last_result(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "pod/logs/a.log"
    written = tmp_path / "pod/containers/a/overlay/upper/big"
    volume = tmp_path / "pod/volumes/v/big"
    for path in (kept, written, volume):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    sandbox.make_room()
    assert [path.exists() for path in (kept, written, volume)] == [True, False, False]


@pytest.mark.parametrize("before", [0, 3, 50], ids=["first", "within", "turning"])
def test_lines_without_room_are_counted_and_the_log_goes_on(tmp_path: Path, before: int) -> None:
    size = len(line(0))
    log = LogFile(str(tmp_path / "log"), 40 * size)
    for number in range(before):
        log.write(line(number))
    with room_for_files_of(size // 2):  # a part of a line finds room: it must not stay
        log.write(line(1000))
        log.write(line(1001))
    at_the_end = log.content().splitlines(keepends=True)
    log.write(line(1002))
    content = log.content().splitlines(keepends=True)
    assert at_the_end[-1].endswith(
        b" stderr F [%d bytes of log are lost here: they could not be written]\n" % (2 * size)
    )
    assert content[-1] == line(1002)
    assert content[-2].split(b" ", 1)[1] == at_the_end[-1].split(b" ", 1)[1]
    assert all(each.count(b"stdout") + each.count(b"stderr") == 1 for each in content)


def test_readers_of_a_log_find_whole_lines_around_what_is_lost(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"), 1 << 20)
    log.write(line(1))
    with room_for_files_of(len(line(1)) + 5):
        log.write(line(2))
    log.write(line(3))
    read, offset = b"", 0
    while True:
        data, following = log.read(offset, 200)
        if not data:
            break
        assert data.endswith(b"\n")
        read, offset = read + data, following
    assert read == log.content()


def test_a_container_is_read_to_its_end_whatever_becomes_of_its_lines(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    asked: list[bytes] = []

    def fail(given: bytes) -> None:
        asked.append(given)
        raise OSError(errno.EIO, "the disk is broken")

    pump = Pump("a", {ours: STDOUT}, fail, lambda _, data: fail(data))
    pump.start()
    with os.fdopen(theirs, "wb") as output:
        output.write(b"x\n" * 200_000)  # more than a pipe holds: who isn't read waits here for ever
    pump.join(20)
    assert not pump.is_alive()
    assert asked
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ours)
