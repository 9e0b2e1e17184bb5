"""Wherever the connection is cut, whatever happens to the container meanwhile, a log's reader misses no line and reads none twice.

The reader's side and the job's are the real ones; between them messages are carried by hand, so that a cut can be at any of them.
"""

import asyncio
import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast

from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_log import LogPlace, read_log
from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost, JobStream, StreamEnd
from condor_sidecar.job.supervisor import channel_logs
from condor_sidecar.job.supervisor.channel_logs import LATEST, PREVIOUS, Run
from condor_sidecar.job.supervisor.channel_protocol import unpack
from condor_sidecar.job.supervisor.channel_streams import CannotOpen as CannotOpenInJob
from condor_sidecar.job.supervisor.channel_streams import Stream
from condor_sidecar.job.supervisor.logs import LogFile
from hypothesis import given
from hypothesis import strategies as st

WHOLE = 1 << 20
"""Limit of a log that is never reached here."""


@dataclass
class Container:
    """A container's logs, as a supervisor keeps them: those of the latest run and of the one before."""

    folder: Path
    limit: int
    runs: list[Run] = field(default_factory=list)
    written: list[list[bytes]] = field(default_factory=list)

    def start(self) -> None:
        if self.runs:
            self.runs[-1].log.end()
        if len(self.runs) > 1:
            self.runs[-2].log.delete()
        self.runs.append(Run(len(self.runs), LogFile(str(self.folder / f"{len(self.runs)}.log"), self.limit)))
        self.written.append([])

    def write(self, size: int) -> None:
        mine = self.written[-1]
        mine.append(b"2026-01-01T00:00:00Z stdout F %d.%d %s\n" % (len(self.runs) - 1, len(mine), b"x" * size))
        self.runs[-1].log.write(mine[-1])

    def find(self, _: str, restart: int) -> Run | None:
        kept = self.runs[-2:]
        if restart == LATEST:
            return kept[-1]
        return next((run for run in kept[:-1] if restart == PREVIOUS), None) or next(
            (run for run in kept if run.restart == restart), None
        )


class CutConnection:
    """A job's connection that is lost when its cut comes: so many messages of the job after it was made."""

    def __init__(self, container: Container, cut_after: int) -> None:
        self._open = channel_logs.opener(container.find)
        self._left = cut_after
        self._loop = asyncio.get_running_loop()
        self._numbers = count(1)
        self._reader: JobStream | None = None
        self._writer: Stream | None = None

    async def open(self, kind: str, **fields: object) -> JobStream:
        """As Connection does; raises ChannelLost where the cut comes first."""
        number = next(self._numbers)
        reader = self._reader = JobStream(number, self._to_job, lambda _: None)
        writer = self._writer = Stream(number, self._from_job, lambda _: None)

        announced = threading.Event()

        def on_end(code: int | None, reason: str, words: str) -> None:
            announced.wait()  # an end comes after the beginning
            if writer.end():
                self._deliver(lambda: reader.take_end(StreamEnd(code, reason, words)))

        try:
            session = self._open(dict(fields, type=kind), writer.write, on_end)
        except CannotOpenInJob as error:
            raise CannotOpen(error.reason, str(error)) from error
        self._deliver(lambda: reader.take_opened(session.about["restart"]))
        announced.set()
        writer.start(session)
        await reader.opened()
        return reader

    async def _to_job(self, message: str | bytes) -> None:
        assert isinstance(message, str) and self._writer is not None
        asked = json.loads(message)
        if asked["type"] == "credit":
            self._writer.grant(asked["bytes"])
        else:
            self._writer.close()

    def _from_job(self, message: bytes) -> None:
        kind, _, data = unpack(message)
        reader = self._reader
        assert reader is not None
        self._deliver(lambda: reader.take(kind, data))

    def _deliver(self, take: Any) -> None:
        self._loop.call_soon_threadsafe(self._take, take)

    def _take(self, take: Any) -> None:
        assert self._reader is not None and self._writer is not None
        self._left -= 1
        if self._left >= 0:
            take()
        else:
            self._writer.close()
            self._reader.take_loss()


async def read(container: Container, place: LogPlace, cut_after: int) -> tuple[bytes, bool]:
    """What a reader gets until the log's end so far, or the cut; and whether it got to the end."""
    found = b""
    connection = cast("Connection", CutConnection(container, cut_after))
    try:
        async with asyncio.timeout(20):
            async for piece in read_log(connection, "c", place, follow=False):
                found += piece
    except ChannelLost:
        return found, False
    return found, True


def whole(container: Container, place: LogPlace, cuts: Iterator[int]) -> bytes:
    """All that a reader gets who goes on after each cut."""
    found, over = b"", False
    while not over:
        more, over = asyncio.run(read(container, place, next(cuts, WHOLE)))
        found += more
    return found


Lines = st.lists(st.integers(0, 40_000), max_size=25)
"""Sizes: many lines make a piece, one can make more than a piece's worth."""
Cuts = st.lists(st.integers(0, 6), max_size=12)


@given(Lines, Lines, Cuts, Cuts)
def test_no_line_is_lost_or_doubled_by_cuts_and_a_restart(
    before: list[int], after: list[int], first_cuts: list[int], later_cuts: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        container, place = Container(Path(folder), 64 << 20), LogPlace()
        container.start()
        for size in before:
            container.write(size)
        found = whole(container, place, iter(first_cuts))
        for size in after:
            container.write(size)
        container.start()
        container.write(1)
        found += whole(container, place, iter(later_cuts))
        assert place.restart == 0, "it reads the run that it began with, although another one is the latest"
        assert found == b"".join(container.written[0])
        assert whole(container, LogPlace(), iter(later_cuts)) == b"".join(container.written[1])
        assert whole(container, LogPlace(PREVIOUS), iter(later_cuts)) == b"".join(container.written[0])


@given(st.lists(st.tuples(Lines, Cuts), min_size=1, max_size=5), st.integers(2_000, 200_000))
def test_a_log_over_its_limit_is_read_once_and_what_is_missing_is_counted(
    steps: list[tuple[list[int], list[int]]], limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        container, place = Container(Path(folder), limit), LogPlace()
        container.start()
        found: list[bytes] = []
        for lines, cuts in steps:
            for size in lines:
                container.write(size)
            found += whole(container, place, iter(cuts)).splitlines(keepends=True)
        written = container.written[0]
        gaps = [line for line in found if b"left out here" in line]
        kept = [line for line in found if b"left out here" not in line]
        remaining = iter(written)
        assert all(line in remaining for line in kept), "each once, and in their order"
        left_out = sum(int(line.split(b"[")[1].split(b" ")[0]) for line in gaps)
        assert left_out + sum(map(len, kept)) == sum(map(len, written))
        assert place.offset == sum(map(len, written))


def test_a_run_whose_log_is_gone_can_t_be_gone_on_with(tmp_path: Path) -> None:
    container, place = Container(tmp_path, WHOLE), LogPlace()
    container.start()
    container.write(1)
    whole(container, place, iter(()))
    for _ in range(2):
        container.start()
    try:
        whole(container, place, iter(()))
    except CannotOpen as error:
        assert error.reason == channel_logs.NO_LOG
    else:
        raise AssertionError("another run's lines were given as this one's")
