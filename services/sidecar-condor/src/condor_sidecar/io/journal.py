"""The journal: what was answered for survives a crash.

One SQLite file (0600, its folder 0700) with the pods that were accepted, their payloads until the job has started, the
deletes that have to be carried out, and how pods ended. One thread owns the connection; it takes all waiting changes
into one transaction, so that a burst of creates costs a few flushes to the disk and not one each. The lock is exclusive:
a second sidecar on the same folder doesn't start.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from service_runtime.logs import get_logger

from condor_sidecar.model.pod_record import PodRecord, Tombstone
from condor_sidecar.model.pod_view import PodView

_SCHEMA = """
create table if not exists pods (uid text primary key, record blob not null);
create table if not exists payloads (uid text primary key, payload blob not null);
create table if not exists tombstones (uid text primary key, record blob not null);
create table if not exists ends (uid text primary key, view blob not null);
"""
_MOST_IN_ONE_TRANSACTION = 500
_QUIET_SECONDS = 2.0

log = get_logger(__name__)

T = TypeVar("T")
_Work = Callable[[sqlite3.Connection], Any]


class JournalError(Exception):
    """The journal can't be opened or written; the text says why."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """All that the journal holds, as read at the start; `unstarted` maps UIDs to the size of a payload still kept."""

    pods: tuple[PodRecord, ...]
    unstarted: dict[str, int]
    tombstones: tuple[Tombstone, ...]
    ends: dict[str, PodView]


class Journal:
    """Every method returns when its change is on the disk. Raises JournalError when that fails; nothing is changed then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[tuple[_Work, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: asyncio.Future[None] | None = None
        self._asked: set[asyncio.Future[Any]] = set()
        self._connection: sqlite3.Connection | None = None
        self._trouble = ""

    async def open(self) -> Remembered:
        """Open or make the file and read it. Raises JournalError, also when another process has it open."""
        self._loop = asyncio.get_running_loop()
        self._broken = self._loop.create_future()
        remembered = await asyncio.to_thread(self._open)
        self._thread.start()
        return remembered

    async def close(self) -> None:
        """Write what waits and close the file."""
        if self._thread.is_alive():
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)

    async def broken(self) -> None:
        """Wait for the end of the journal, and raise JournalError if that is one of its own: nothing can be promised then
        any more, and a new start may find the disk mended."""
        assert self._broken is not None
        await asyncio.shield(self._broken)

    async def accept(self, record: PodRecord, payload: bytes) -> None:
        """Remember a pod that is about to be answered for."""
        row = msgspec.json.encode(record)

        def work(db: sqlite3.Connection) -> None:
            db.execute("insert or replace into pods values (?, ?)", (record.uid, row))
            db.execute("insert or replace into payloads values (?, ?)", (record.uid, payload))

        await self._do(work)

    async def adopt(self, records: Iterable[PodRecord]) -> None:
        """Remember pods that only the schedd knew."""
        rows = [(record.uid, msgspec.json.encode(record)) for record in records]
        await self._do(lambda db: db.executemany("insert or replace into pods values (?, ?)", rows))

    async def update(self, records: Iterable[PodRecord]) -> None:
        """Replace what is remembered of pods; one that was deleted meanwhile stays deleted."""
        rows = [(msgspec.json.encode(record), record.uid) for record in records]
        await self._do(lambda db: db.executemany("update pods set record = ? where uid = ?", rows))

    async def payloads(self, uids: Iterable[str]) -> dict[str, bytes]:
        """The payloads of those of `uids` that still have one."""
        wanted = list(uids)

        def work(db: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for uid in wanted:
                row = db.execute("select payload from payloads where uid = ?", (uid,)).fetchone()
                if row is not None:
                    found[uid] = row[0]
            return found

        return await self._do(work)

    async def drop_payloads(self, uids: Iterable[str]) -> None:
        """Forget payloads: their jobs have started, or never will."""
        rows = [(uid,) for uid in uids]
        await self._do(lambda db: db.executemany("delete from payloads where uid = ?", rows))

    async def end(self, uid: str, view: PodView) -> None:
        """Remember how a pod ended; its payload is of no use any more."""
        row = msgspec.json.encode(view)

        def work(db: sqlite3.Connection) -> None:
            db.execute("insert or replace into ends select uid, ? from pods where uid = ?", (row, uid))
            db.execute("delete from payloads where uid = ?", (uid,))

        await self._do(work)

    async def bury(self, tombstone: Tombstone) -> None:
        """Remember a delete, or that it is done."""
        row = msgspec.json.encode(tombstone)
        await self._do(lambda db: db.execute("insert or replace into tombstones values (?, ?)", (tombstone.uid, row)))

    async def settle(self, tombstones: Iterable[Tombstone]) -> None:
        """The deletes are done: forget the pods and keep the tombstones."""
        rows = [(stone.uid, msgspec.json.encode(stone)) for stone in tombstones]
        uids = [(uid,) for uid, _ in rows]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("insert or replace into tombstones values (?, ?)", rows)
            for table in ("pods", "payloads", "ends"):
                db.executemany(f"delete from {table} where uid = ?", uids)  # noqa: S608 - our own table names

        await self._do(work)

    async def forget(self, uids: Iterable[str]) -> None:
        """Forget tombstones that are old enough."""
        rows = [(uid,) for uid in uids]
        await self._do(lambda db: db.executemany("delete from tombstones where uid = ?", rows))

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self._loop is not None and self._broken is not None
        if self._broken.done() or not self._thread.is_alive():
            raise JournalError("the journal is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        self._waiting.put((work, future))
        return await future

    def _open(self) -> Remembered:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=2, isolation_level=None, check_same_thread=False)
            # exclusive first: with it the write-ahead log needs no shared memory, so network file systems do
            db.execute("pragma locking_mode = exclusive")
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            db.execute("pragma secure_delete = on")
            db.executescript("begin immediate;" + _SCHEMA + "commit;")
            self._connection = db
            return _read(db)
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            hint = " (another sidecar uses this folder)" if "locked" in str(error) else ""
            raise JournalError(f"{self._path}: {error}{hint}") from error

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            self._serve()
        except Exception as error:
            log.exception("journal.broken", path=str(self._path))
            failure = JournalError(f"{self._path}: {type(error).__name__}: {error}")
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(self._end, failure)

    def _end(self, failure: Exception | None) -> None:
        """Nothing is written any more: that is what everybody hears who still waits."""
        assert self._broken is not None
        _resolve([self._broken], [None], failure)
        _resolve(list(self._asked), [], failure or JournalError("the journal is closed"))

    def _serve(self) -> None:
        db = self._connection
        assert db is not None
        running = True
        clean = True
        while running:
            try:
                item = self._waiting.get(timeout=None if clean else _QUIET_SECONDS)
            except queue.Empty:
                clean = self._checkpoint(db)
                continue
            batch: list[tuple[_Work, asyncio.Future[Any]]] = []
            while item is not None:
                batch.append(item)
                if len(batch) >= _MOST_IN_ONE_TRANSACTION or self._waiting.empty():
                    break
                item = self._waiting.get()
            running = item is not None
            if batch:
                self._commit(db, batch)
                clean = False
        self._checkpoint(db)
        db.close()

    def _checkpoint(self, db: sqlite3.Connection) -> bool:
        """What was deleted must not live on in the log (payloads hold secrets); not during a burst, it flushes. Whether it
        is done: a full disk may have room again the next time."""
        try:
            busy, *_ = db.execute("pragma wal_checkpoint(truncate)").fetchone()
        except sqlite3.Error as error:
            if str(error) != self._trouble:  # once, not every two seconds
                log.warning("journal.checkpoint_failed", path=str(self._path), reason=str(error))
            self._trouble = str(error)
            return False
        self._trouble = ""
        return not busy

    def _commit(self, db: sqlite3.Connection, batch: list[tuple[_Work, asyncio.Future[Any]]]) -> None:
        results: list[Any] = []
        failure: Exception | None = None
        try:
            db.execute("begin immediate")
            results = [work(db) for work, _ in batch]
            db.execute("commit")
        except sqlite3.Error as error:
            failure = JournalError(f"{self._path}: {error}")
            if db.in_transaction:
                db.execute("rollback")
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, [future for _, future in batch], results, failure)


def _resolve(futures: list[asyncio.Future[Any]], results: list[Any], failure: Exception | None) -> None:
    for index, future in enumerate(futures):
        if future.done():
            continue
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(results[index])


def _read(db: sqlite3.Connection) -> Remembered:
    decode = msgspec.json.decode
    return Remembered(
        pods=tuple(decode(row, type=PodRecord) for (row,) in db.execute("select record from pods order by rowid")),
        unstarted=dict(db.execute("select uid, length(payload) from payloads")),
        tombstones=tuple(decode(row, type=Tombstone) for (row,) in db.execute("select record from tombstones")),
        ends={uid: decode(row, type=PodView) for uid, row in db.execute("select uid, view from ends")},
    )
