"""The journal: what it answered for is there again, whatever happened to the process."""

import asyncio
from pathlib import Path

import pytest
from condor_sidecar.io.journal import Journal, JournalError
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord, Tombstone
from condor_sidecar.model.pod_view import ContainerView, PodView, Terminated


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
