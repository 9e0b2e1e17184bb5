"""Fetched output on the disk: what is kept, what is taken away, and for how long."""

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.model.result import JobPhase, JobResult

from tests.fakes.condor_schedd import out_tar


@pytest.fixture
def store(tmp_path: Path) -> OutputStore:
    made = OutputStore(tmp_path)
    made.prepare()
    return made


def brought(store: OutputStore, uid: str, **files: bytes) -> None:
    folder = store.sandbox(uid)
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)


def stored(store: OutputStore, uid: str, size: int = 10) -> Path:
    store.store(uid, JobResult(JobPhase.ENDED, (), logs={"c": b"x" * size}))
    return store.log_file(uid, "c")


def test_the_final_record_and_its_logs_are_read(store: OutputStore) -> None:
    brought(store, "u", out_tar=out_tar({"c": 3}, {"c": b"line\n"}))
    found = store.read_sandbox("u", ["c"])
    assert found.final is not None
    assert found.final.containers[0].exit_code == 3
    assert found.final.logs == {"c": b"line\n"}


def test_without_a_record_the_stream_serves_and_the_supervisors_words_are_kept(store: OutputStore) -> None:
    stream = b'S {"version":1,"phase":"running","revision":3,"containers":[]}\nL c 2026-01-01T00:00:00Z stdout F hi\n'
    brought(store, "u", supervisor_out=stream, supervisor_err=b"no python here\n")
    found = store.read_sandbox("u", ["c"])
    assert found.arrived
    assert found.final is None
    assert found.streamed is not None
    assert found.streamed.revision == 3
    assert "no python here" in found.problem


def test_nothing_at_all_is_told_from_a_job_that_left_no_record(store: OutputStore) -> None:
    assert not store.read_sandbox("nobody", ["c"]).arrived
    brought(store, "u", payload_tar=b"SECRET")
    assert store.read_sandbox("u", ["c"]).arrived


@pytest.mark.parametrize("content", [b"", b"no tar", out_tar({"c": 0})[:700]])
def test_a_broken_record_is_a_problem_and_no_error(store: OutputStore, content: bytes) -> None:
    brought(store, "u", out_tar=content)
    found = store.read_sandbox("u", ["c"])
    assert found.final is None
    assert "out.tar" in found.problem


def test_everything_is_private(store: OutputStore, tmp_path: Path) -> None:
    os.umask(0o022)
    log = stored(store, "u")
    assert log.stat().st_mode & 0o077 == 0
    assert (tmp_path / "outputs").stat().st_mode & 0o077 == 0


def test_logs_of_deleted_pods_go_when_their_time_is_up(store: OutputStore) -> None:
    log = stored(store, "u")
    store.mark_deleted("u")
    store.prune(keep_seconds=100, most_bytes=1000, known=[])
    assert log.exists()
    long_ago = time.time() - 200
    os.utime(log.parent.parent / ".deleted", (long_ago, long_ago))
    assert store.prune(keep_seconds=100, most_bytes=1000, known=[]) == 0
    assert not log.exists()


def test_the_budget_takes_deleted_pods_first_then_the_oldest(store: OutputStore) -> None:
    logs = {}
    for age, uid in ((30, "old"), (20, "deleted"), (10, "new")):
        logs[uid] = stored(store, uid, 100)
        folder = logs[uid].parent.parent
        os.utime(folder, (time.time() - age, time.time() - age))
    store.mark_deleted("deleted")
    known = ["old", "new"]
    assert store.prune(keep_seconds=1000, most_bytes=250, known=known) == 200
    assert [uid for uid, log in logs.items() if log.exists()] == ["old", "new"]
    assert store.prune(keep_seconds=1000, most_bytes=150, known=known) == 100
    assert [uid for uid, log in logs.items() if log.exists()] == ["new"]


def test_what_nobody_knows_any_more_counts_as_deleted(store: OutputStore) -> None:
    log = stored(store, "stranger")
    brought(store, "stranger", out_tar=b"")
    store.prune(keep_seconds=1000, most_bytes=1000, known=[])
    assert log.exists()
    assert (log.parent.parent / ".deleted").exists()
    assert not store.sandbox("stranger").exists()


class Table(set[str]):
    """Pods that are known; `accept` is done while the first one is looked up."""

    def __init__(self, accept: Callable[[], None]) -> None:
        super().__init__()
        self._accept: Callable[[], None] | None = accept

    def __contains__(self, uid: object) -> bool:
        accept, self._accept = self._accept, None
        if accept is not None:
            accept()
        return super().__contains__(uid)


def test_a_pod_that_is_accepted_meanwhile_keeps_its_folder(store: OutputStore) -> None:
    stored(store, "stranger")

    def accept() -> None:
        known.add("new")
        brought(store, "new", supervisor_out=b"")

    known = Table(accept)
    store.prune(keep_seconds=1000, most_bytes=1000, known=known)
    assert store.sandbox("new").exists()


def test_what_is_kept_of_many_pods_holds_no_logs_in_memory(store: OutputStore) -> None:
    size = 1 << 20
    tar = out_tar({"c": 0}, {"c": b"x" * size})
    stream = b'S {"version":1,"phase":"running","revision":3,"containers":[]}\nL c ' + b"y" * size + b"\n"
    for number in range(20):
        brought(store, f"t{number}", out_tar=tar)
        brought(store, f"s{number}", supervisor_out=stream)
    tracemalloc.start()
    held = [store.keep_sandbox(f"{way}{number}", ["c"]) for number in range(20) for way in "ts"]
    still, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert still < 4 * size
    assert all((each.final or each.streamed) is not None for each in held)
    assert store.log_file("t0", "c").stat().st_size == size
    assert store.log_file("s0", "c").stat().st_size == size + 1


def test_a_job_that_sent_nothing_at_all_is_no_end(store: OutputStore) -> None:
    with pytest.raises(FileNotFoundError, match="nothing at all"):
        store.keep_sandbox("u", ["c"])


@pytest.mark.parametrize("uid", ["", ".", "..", "../outside", "a/b", "/", "nul\0"])
def test_a_uid_that_leads_elsewhere_is_refused(store: OutputStore, tmp_path: Path, uid: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    for work in (store.sandbox, store.clear_sandbox, store.mark_deleted, store.read_stream):
        with pytest.raises(ValueError, match="no name of a file"):
            work(uid)
    with pytest.raises(ValueError, match="no name of a file"):
        store.read_sandbox(uid, ["c"])
    with pytest.raises(ValueError, match="no name of a file"):
        store.mark_deleted(str(outside))
    with pytest.raises(ValueError, match="no name of a file"):
        store.log_file("u", "../../evil")
    assert (outside / "precious").exists()
    assert store.sandbox("u").parent.is_dir()
