"""The streams between `kubectl exec` and this node: the remote command protocol v4 over SPDY, v5, v4 or the first over a WebSocket.

Both are what k8s.io/streaming's remotecommand describes: one stream or channel each for standard input, the outputs, the terminal's
size, and the Status at the end.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import msgspec
from aiohttp import WSMsgType, web
from interlink.protocol.exec import CLOSE, ERROR, RESIZE, STDERR, STDIN, STDOUT, TerminalSize
from service_runtime.websockets import first_of, keep_alive

from virtual_kubelet.core.command_query import CommandQuery
from virtual_kubelet.io.spdy.session import Session, Stream

SPDY_PROTOCOL = "v4.channel.k8s.io"
PLAIN_PROTOCOL = "channel.k8s.io"  # of before version 4: the last word is text, and there is none for a success
WEBSOCKET_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", PLAIN_PROTOCOL)
STREAMS_SECONDS = 30.0  # for the client to open all streams
UNREAD_MESSAGES = 32


class CallerStreams(ABC):
    """What a caller sends and gets. Sending raises ConnectionError if the caller is gone."""

    @abstractmethod
    def input(self) -> AsyncIterator[bytes]:
        """Standard input until its end, or the caller's."""

    @abstractmethod
    def sizes(self) -> AsyncIterator[TerminalSize]:
        """Sizes of the terminal."""

    @abstractmethod
    async def gone(self) -> None:
        """Ends when the caller is gone."""

    @abstractmethod
    async def write(self, kind: int, data: bytes) -> None:
        """Output; `kind` is STDOUT or STDERR."""

    @abstractmethod
    async def end(self, status: bytes) -> None:
        """The last word: a metav1.Status."""


class SpdyStreams(CallerStreams):
    """SPDY, with a stream for each that the query asks for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._streams: dict[str, Stream] = {}

    async def open(self, query: CommandQuery) -> None:
        """Wait until the client has opened them. Raises TimeoutError, ConnectionError."""
        wanted = {"error"} | ({"resize"} if query.tty else set())
        wanted |= {name for name in ("stdin", "stdout", "stderr") if getattr(query, name)}
        async with asyncio.timeout(STREAMS_SECONDS):
            while not wanted <= set(self._streams):
                stream = await first_of(self._session.accept(), self._session.closed.wait())
                if not isinstance(stream, Stream):
                    raise ConnectionResetError("the caller is gone")
                self._streams[stream.headers.get("streamtype", "")] = stream

    async def input(self) -> AsyncIterator[bytes]:
        if (stream := self._streams.get("stdin")) is not None:
            while (data := await stream.read()) is not None:
                yield data

    async def sizes(self) -> AsyncIterator[TerminalSize]:
        stream, rest = self._streams.get("resize"), b""
        while stream is not None and (data := await stream.read()) is not None:
            *whole, rest = (rest + data).split(b"\n")  # Go's encoder ends each with a newline
            for line in whole:
                if (size := _size(line)) is not None:
                    yield size

    async def gone(self) -> None:
        await self._session.keep_alive()

    async def write(self, kind: int, data: bytes) -> None:
        if (stream := self._streams.get("stdout" if kind == STDOUT else "stderr")) is not None and not stream.reset:
            await stream.write(data)

    async def end(self, status: bytes) -> None:
        await self._streams["error"].write(status)
        for name in ("error", "stdout", "stderr"):
            if name in self._streams:
                await self._streams[name].finish()


class WebSocketStreams(CallerStreams):
    """A WebSocket, whose messages begin with the channel's number."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue(UNREAD_MESSAGES)
        self._sizes: asyncio.Queue[TerminalSize] = asyncio.Queue(UNREAD_MESSAGES)

    async def open(self, query: CommandQuery) -> None:
        """Tell the client, as a kubelet does, that all is ready: an empty message. Raises ConnectionError."""
        await self._socket.send_bytes(bytes([STDOUT if query.stdout or not query.stderr else STDERR]))

    async def input(self) -> AsyncIterator[bytes]:
        while (data := await self._input.get()) is not None:
            yield data

    async def sizes(self) -> AsyncIterator[TerminalSize]:
        while True:
            yield await self._sizes.get()

    async def gone(self) -> None:
        await first_of(self._receive(), keep_alive(self._socket))

    async def _receive(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == STDIN and data:
                await self._input.put(data)
            elif channel == CLOSE and data == bytes([STDIN]):
                await self._input.put(None)
            elif channel == RESIZE and (size := _size(data)) is not None:
                await self._sizes.put(size)

    async def write(self, kind: int, data: bytes) -> None:
        await self._socket.send_bytes(bytes([kind]) + data)

    async def end(self, status: bytes) -> None:
        word = _plain(status) if self._socket.ws_protocol == PLAIN_PROTOCOL else status
        if word:
            await self._socket.send_bytes(bytes([ERROR]) + word)


def _plain(status: bytes) -> bytes:
    """A Status as text, empty for a success."""
    told = msgspec.json.decode(status)
    return b"" if told.get("status") == "Success" else str(told.get("message", "")).encode()


def _size(text: bytes) -> TerminalSize | None:
    """What a kubelet can't read it passes over, too."""
    try:
        return msgspec.json.decode(text, type=TerminalSize)
    except msgspec.DecodeError:
        return None
