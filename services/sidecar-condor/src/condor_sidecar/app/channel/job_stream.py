"""A stream of a job's connection as its user sees it: pieces to read, pieces to write, an end.

Neither side holds more than what was granted: a slow reader here stands the sender in the job still, and the other way round.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from condor_sidecar.job.supervisor.channel_protocol import PIECE, STDIN, WINDOW, BadMessage, encode, pack

_GRANT = WINDOW // 4
Send = Callable[[str | bytes], Awaitable[None]]


class ChannelLost(Exception):
    """The connection to the job is gone, and its streams with it."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended: a command's exit code (None where there is none), and why it ended otherwise."""

    code: int | None
    reason: str = ""
    message: str = ""


class CannotOpen(Exception):
    """The job could not open the stream: `reason` is one word, the text is for the user."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message or reason)
        self.reason = reason


class JobStream:
    """One open stream; use it as an async context manager, which closes it at the job."""

    def __init__(self, number: int, send: Send, forget: Callable[[int], None]) -> None:
        self.number = number
        self.restart: int | None = None
        """Of a log: which run's it is."""
        self.ended: StreamEnd | None = None
        self._send, self._forget = send, forget
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._held = 0
        self._taken = 0
        self._credit = WINDOW
        self._lost = False
        self._opened = False
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def opened(self) -> None:
        """Wait until the job has opened it. Raises CannotOpen, ChannelLost."""
        while not self._opened:
            if self.ended is not None:
                raise CannotOpen(self.ended.reason, self.ended.message)
            await self._wait()

    async def read(self) -> tuple[int, bytes] | None:
        """Kind and data of the next piece; None at the end, of which `ended` tells. Raises ChannelLost."""
        while not self._pieces:
            if self.ended is not None:
                return None
            await self._wait()
        kind, data = self._pieces.popleft()
        self._held -= len(data)
        self._taken += len(data)
        if self._taken >= _GRANT and self.ended is None:
            granted, self._taken = self._taken, 0
            await self._send(encode("credit", stream=self.number, bytes=granted))
        return kind, data

    async def write(self, data: bytes) -> None:
        """Give `data` to the standard input, as fast as that is read; dropped when it has ended. Raises ChannelLost."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            while self._credit < len(piece) and self.ended is None:
                await self._wait()
            if self.ended is not None:
                return
            self._credit -= len(piece)
            await self._send(pack(STDIN, self.number, piece))

    async def eof(self) -> None:
        """The standard input has ended. Raises ChannelLost."""
        await self._tell("eof")

    async def resize(self, width: int, height: int) -> None:
        """The terminal's size. Raises ChannelLost."""
        await self._tell("resize", width=width, height=height)

    async def close(self) -> None:
        """Nobody wants it any more."""
        self._forget(self.number)
        if self.ended is None and not self._lost:
            with contextlib.suppress(ChannelLost):  # then the job closes it by itself
                await self._tell("close")
            self.ended = StreamEnd(None, "Closed", "")

    async def _tell(self, kind: str, **fields: int) -> None:
        if self.ended is None:
            await self._send(encode(kind, stream=self.number, **fields))

    async def _wait(self) -> None:
        if self._lost:
            raise ChannelLost("the job's connection is gone")
        self._changed.clear()
        await self._changed.wait()

    # what the connection calls

    def take_opened(self, restart: object) -> None:
        """The job has opened it."""
        self._opened = True
        self.restart = restart if isinstance(restart, int) else None
        self._changed.set()

    def take(self, kind: int, data: bytes) -> None:
        """A piece has come. Raises BadMessage where the job sends more than it was granted."""
        self._held += len(data)
        if self._held + self._taken > WINDOW:
            raise BadMessage(f"stream {self.number} brings more than was granted")
        if data:
            self._pieces.append((kind, data))
            self._changed.set()

    def take_credit(self, size: int) -> None:
        """The job takes more."""
        self._credit = min(self._credit + size, WINDOW)
        self._changed.set()

    def take_end(self, end: StreamEnd) -> None:
        """The stream has ended."""
        self.ended = end
        self._changed.set()

    def take_loss(self) -> None:
        """The connection is gone."""
        self._lost = True
        self._changed.set()
