"""Limits that are looked after: which ones they are, and that nothing ends the looking."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.containers import Containers
from condor_sidecar.job.supervisor.logs import LogFile
from condor_sidecar.job.supervisor.mailbox import Mailbox, StorageFull
from condor_sidecar.job.supervisor.processes import Processes
from condor_sidecar.job.supervisor.sandbox import Sandbox
from condor_sidecar.job.supervisor.watch import Watch, pod_storage_limit

from tests.unit.sidecar.supervisor.jobs import container, pod

GI = 1 << 30


@pytest.mark.parametrize(
    ("containers", "limit"),
    [
        ([("main", None), ("init", None)], None),
        ([("main", 1), ("main", 2)], 3),
        ([("main", 1), ("main", None)], 1),
        ([("init", 5), ("main", 1)], 5),
        ([("init", 2), ("init", 1), ("main", 3)], 3),
        ([("sidecar", 2), ("main", 1)], 3),
        ([("sidecar", 2), ("init", 5), ("main", 1)], 7),
        ([("init", 5), ("sidecar", 2), ("main", 1)], 5),
        ([("init", 1), ("main", None)], 1),
    ],
)
def test_a_pod_s_limit_is_what_its_containers_may_have_at_the_same_time(
    containers: list[tuple[str, int | None]], limit: int | None
) -> None:
    made = [
        container(f"c{number}", "x", kind=kind, storage_limit=None if size is None else size * GI)
        for number, (kind, size) in enumerate(containers)
    ]
    assert pod_storage_limit(pod(*made)) == (None if limit is None else limit * GI)


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_look_that_fails_is_not_the_last_one(
    tmp_path: Path, over: threading.Event, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condor_sidecar.job.supervisor.watch.STORAGE_PAUSE", 0.01)
    mailbox, folder = Mailbox(), tmp_path / "pod/volumes/v"
    (tmp_path / "pod/volumes").mkdir(parents=True)

    def find(_: Sandbox, name: str) -> str:
        if not folder.exists():
            raise OSError(errno.EMFILE, "Too many open files")
        return str(folder)

    monkeypatch.setattr(Sandbox, "volume", find)
    of = pod(container("a", "x"), volumes=[plan.Volume("v", plan.EMPTY, size_limit=1)])
    containers = Containers(Processes(), mailbox, {}, str(tmp_path), 1000, lambda *_: None, lambda _: None)
    Watch(of, Sandbox(str(tmp_path)), containers, mailbox, over).start()
    until(lambda: "Too many open files" in capfd.readouterr().err)
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 5000)
    assert any(isinstance(event, StorageFull) for event in mailbox.take(20))


def test_a_log_can_be_measured_while_it_turns_and_goes(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"), 200)
    problems: list[Exception] = []
    done = threading.Event()

    def measure() -> None:
        while not done.is_set():
            try:
                log.size()
            except Exception as error:
                problems.append(error)
                return

    reader = threading.Thread(target=measure)
    reader.start()
    for _ in range(1000):
        log.write(b"2023-11-14T22:13:20.250000000Z stdout F line line line\n")
    log.delete()
    done.set()
    reader.join()
    assert problems == []


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)
