"""The journal: what it answered for is there again, whatever happened to the process."""

import asyncio
import resource
import sqlite3
from pathlib import Path

import pytest
from condor_sidecar.io import journal as journal_module
from condor_sidecar.io.journal import Journal, JournalError
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord, Tombstone
from condor_sidecar.model.pod_view import ContainerView, PodView, Terminated

from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.conftest import Sidecar, settings_in


def record(uid: str = "u") -> PodRecord:
    return PodRecord(
        uid=uid,
        namespace="ns",
        name="n",
        submit={"request_cpus": "1"},
        containers=(ContainerRecord("c", ContainerKind.MAIN, "image"),),
        grace_seconds=30,
        wall_seconds=60,
        plan_hash="h",
        accepted_at=1.5,
    )


VIEW = PodView((ContainerView("c", ContainerKind.MAIN, Terminated(3, "Error", "m", 1.0, 2.0)),))


async def opened(path: Path) -> Journal:
    journal = Journal(path)
    await journal.open()
    return journal


async def test_everything_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal"
    journal = await opened(path)
    await asyncio.gather(*(journal.accept(record(f"u{i}"), b"payload %d" % i) for i in range(20)))
    await journal.drop_payloads(["u1"])
    await journal.end("u2", VIEW)
    await journal.bury(Tombstone(uid="u3", accepted_at=1.0))
    await journal.close()

    again = Journal(path)
    remembered = await again.open()
    assert [r.uid for r in remembered.pods] == [f"u{i}" for i in range(20)]
    assert remembered.pods[0] == record("u0")
    assert set(remembered.unstarted) == {f"u{i}" for i in range(20)} - {"u1", "u2"}
    assert remembered.ends == {"u2": VIEW}
    assert [stone.uid for stone in remembered.tombstones] == ["u3"]
    assert await again.payloads(["u5", "u1"]) == {"u5": b"payload 5"}
    await again.close()


async def test_a_deleted_pod_does_not_come_back(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal")
    await journal.accept(record(), b"x")
    await journal.settle([Tombstone(uid="u", accepted_at=1.0, done_at=2.0)])
    await journal.update([record()])
    await journal.end("u", VIEW)
    await journal.close()
    again = Journal(tmp_path / "journal")
    remembered = await again.open()
    await again.close()
    assert (remembered.pods, remembered.ends, remembered.unstarted) == ((), {}, {})


async def test_files_are_private_and_forgotten_payloads_are_gone_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "data" / "journal"
    journal = await opened(path)
    await journal.accept(record(), b"PLANTED-SECRET" * 1000)
    await journal.drop_payloads(["u"])
    await journal.close()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert b"PLANTED-SECRET" not in file.read_bytes()


async def test_a_write_that_fails_says_so_and_changes_nothing(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal")
    connection = journal._connection
    assert connection is not None
    connection.execute("pragma max_page_count = 1")
    with pytest.raises(JournalError, match="full"):
        await journal.accept(record(), b"x" * 100_000)
    connection.execute("pragma max_page_count = 1000000")
    await journal.accept(record("v"), b"x")
    await journal.close()
    again = Journal(tmp_path / "journal")
    assert [r.uid for r in (await again.open()).pods] == ["v"]
    await again.close()


async def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"something else" * 100)
    with pytest.raises(JournalError):
        await Journal(tmp_path / "journal").open()


async def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal")
    await journal.close()
    with pytest.raises(JournalError):
        await journal.accept(record(), b"x")


async def test_the_file_is_flushed_overwritten_and_ours_alone(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal")
    connection = journal._connection
    assert connection is not None
    pragmas = ("synchronous", "secure_delete", "journal_mode", "locking_mode")
    found = {name: connection.execute(f"pragma {name}").fetchone()[0] for name in pragmas}
    assert found == {"synchronous": 2, "secure_delete": 1, "journal_mode": "wal", "locking_mode": "exclusive"}
    with pytest.raises(JournalError, match="another sidecar"):
        await Journal(tmp_path / "journal").open()
    await journal.close()


async def test_forgotten_payloads_leave_the_disk_while_the_journal_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_QUIET_SECONDS", 0.05)
    path = tmp_path / "data" / "journal"
    journal = await opened(path)

    def on_disk() -> bool:
        return any(b"PLANTED-SECRET" in file.read_bytes() for file in path.parent.iterdir())

    await journal.accept(record(), b"PLANTED-SECRET" * 1000)
    assert on_disk()
    await until(lambda: b"PLANTED-SECRET" in path.read_bytes(), "the payload is in the file itself")
    await journal.drop_payloads(["u"])
    await until(lambda: not on_disk(), "the payload is overwritten")
    await journal.close()


async def test_a_disk_that_is_full_for_a_while_does_not_end_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_QUIET_SECONDS", 0.05)
    path = tmp_path / "data" / "journal"
    journal = await opened(path)
    log = path.with_name("journal-wal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # the log may be as long as it is, the file itself may not become as long
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(JournalError):
            await journal.accept(record("big"), b"x" * 100_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        await journal.accept(record(), b"PLANTED-SECRET" * 10_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        await until(lambda: journal._trouble or not journal._thread.is_alive(), "the checkpoint fails")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await journal.accept(record("v"), b"x")
    await journal.drop_payloads(["u"])
    await until(lambda: log.stat().st_size == 0, "the checkpoint is made up for")
    assert b"PLANTED-SECRET" not in path.read_bytes()
    await journal.close()


async def test_a_journal_that_broke_ends_the_service(
    tmp_path: Path, schedd: FakeSchedd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accept(self: Journal, _record: PodRecord, _payload: bytes) -> None:
        def work(_db: sqlite3.Connection) -> None:
            raise MemoryError("no room")

        await self._do(work)

    monkeypatch.setattr(Journal, "accept", accept)
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    await sidecar.start()
    code, words = await sidecar.create(pod())
    assert code == 503
    assert "the journal can't be written" in words
    assert sidecar._task is not None
    async with asyncio.timeout(30):
        (ended,) = await asyncio.gather(sidecar._task, return_exceptions=True)
    assert isinstance(ended, BaseExceptionGroup)
    assert ended.subgroup(JournalError) is not None, ended
    await sidecar.disconnect()
