"""The server's side of one SPDY connection: streams that the client opens, each read and written on its own.

What has arrived and isn't read yet is bounded: beyond UNREAD bytes the connection isn't read any further.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any, cast

from aiohttp import web
from service_runtime.logs import get_logger
from service_runtime.websockets import LINGER_SECONDS

from virtual_kubelet.io.spdy.frames import PIECE, Data, Frame, FrameReader, FrameWriter, GoAway, Opened, Ping, Reset
from virtual_kubelet.io.spdy.headers import BadFrame, Headers

UNREAD = 1 << 20
MOST_STREAMS = 8
PING_SECONDS = 10.0
REFUSED = 3  # why a stream is reset

log = get_logger(__name__)


class Stream:
    """One stream, from the server's side."""

    def __init__(self, session: "Session", number: int, headers: Headers) -> None:
        self.number, self.headers = number, headers
        self._session = session
        self._pieces: deque[bytes] = deque()
        self._finished = False
        self._changed = asyncio.Event()
        self.reset = False

    async def read(self) -> bytes | None:
        """What comes next; None at the end, whatever ended it."""
        while not self._pieces:
            if self._finished or self._session.closed.is_set():
                return None
            self._changed.clear()
            await self._changed.wait()
        piece = self._pieces.popleft()
        self._session.taken(len(piece))
        return piece

    async def write(self, data: bytes) -> None:
        """Send; waits while the client reads slowly. Raises ConnectionError if it is gone."""
        for start in range(0, len(data), PIECE):
            await self._session.send(self._session.frames.data(self.number, data[start : start + PIECE]))

    async def finish(self) -> None:
        """No more will be written. Raises ConnectionError."""
        await self._session.send(self._session.frames.data(self.number, b"", finished=True))

    def drop(self) -> int:
        """Of the session: the client has reset it. How many bytes now stay unread."""
        size = sum(map(len, self._pieces))
        self._pieces.clear()
        self.reset = True
        self.take(b"", finished=True)
        return size

    def take(self, data: bytes, *, finished: bool) -> None:
        """Of the session: bytes have come."""
        if data:
            self._pieces.append(data)
        self._finished = self._finished or finished
        self._changed.set()


class Session:
    """One connection, taken over from aiohttp by an answer 101."""

    def __init__(self, request: web.Request) -> None:
        assert request.transport is not None, "a handler runs as long as its connection stands"
        self.frames = FrameWriter()
        self.closed = asyncio.Event()
        self._request, self._transport = request, request.transport
        self._reader = FrameReader()
        self._streams: dict[int, Stream] = {}
        self._new: asyncio.Queue[Stream] = asyncio.Queue()
        self._unread = 0
        self._paused = False
        self._last = 0
        self._writer: Any = None
        # where aiohttp's reader of WebSocket frames would be
        request.protocol.set_parser(cast(Any, self))

    async def answer(self, headers: dict[str, str]) -> web.StreamResponse:
        """Switch protocols: SPDY goes on from here."""
        response = web.StreamResponse(status=101, headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1", **headers})
        response.force_close()
        self._writer = await response.prepare(self._request)
        return response

    async def accept(self) -> Stream:
        """The next stream that the client opens."""
        return await self._new.get()

    async def send(self, frame: bytes) -> None:
        """Raises ConnectionError."""
        if self.closed.is_set() or self._transport.is_closing():
            raise ConnectionResetError("the SPDY connection is gone")
        self._transport.write(frame)
        await self._writer.drain()

    async def keep_alive(self) -> None:
        """Ping now and then, until the client is gone: writing finds that out also while nothing is read."""
        number = 2
        while not self.closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self.closed.wait()
                    return
            try:
                await self.send(self.frames.ping(number))
            except ConnectionError:
                return
            number = number + 2 & 0x7FFFFFFF

    async def close(self) -> None:
        """Close once all is written, or when the time for that is over: the client may read slowly."""
        if not self._transport.is_closing():
            transport = cast(asyncio.WriteTransport, self._transport)
            transport.set_write_buffer_limits(
                0
            )  # sending waits until nothing is left: a close of TLS gives little time
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await self.send(self.frames.go_away(self._last))
            if transport.get_write_buffer_size():
                transport.abort()
            transport.close()
        self._wake_all()

    def taken(self, size: int) -> None:
        """Of a stream: so many bytes were read."""
        self._unread -= size
        if self._paused and self._unread <= UNREAD // 2 and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """aiohttp: bytes have arrived."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except BadFrame as error:
            log.warning("spdy.bad_frame", peer=self._request.remote, error=str(error))
            self._transport.abort()
        if self._unread > UNREAD and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        """aiohttp: the connection is gone."""
        self._wake_all()

    def _wake_all(self) -> None:
        self.closed.set()
        for stream in self._streams.values():
            stream.take(b"", finished=True)

    def _take(self, frame: Frame) -> None:
        match frame:
            case Opened():
                self._open(frame)
            case Data(number, data, finished):
                if (stream := self._streams.get(number)) is not None and not stream.reset:
                    self._unread += len(data)
                    stream.take(data, finished=finished)
            case Reset(number):
                if (stream := self._streams.get(number)) is not None:
                    self.taken(stream.drop())
            case Ping(number):
                if number % 2:  # the client's own, to be sent back
                    self._answer(self.frames.ping(number))
            case GoAway():
                pass  # it opens no more streams; those that are open go on

    def _open(self, frame: Opened) -> None:
        if frame.stream <= self._last or not frame.stream % 2:
            raise BadFrame(f"stream {frame.stream} is opened out of turn")
        self._last = frame.stream
        if len(self._streams) >= MOST_STREAMS:
            self._answer(self.frames.reset(frame.stream, REFUSED))
            return
        stream = Stream(self, frame.stream, frame.headers)
        if frame.finished:
            stream.take(b"", finished=True)
        self._streams[frame.stream] = stream
        self._answer(self.frames.reply(frame.stream))
        self._new.put_nowait(stream)

    def _answer(self, frame: bytes) -> None:
        """Send at once what a frame of the client asks for; who lets that pile up is no client to be kept."""
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > UNREAD:
            self._transport.abort()
