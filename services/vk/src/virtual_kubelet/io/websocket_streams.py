"""The streams between `kubectl exec` and this node over a WebSocket: every protocol that a kubelet speaks there.

That is versions 5, 4 and the first one, whose last word is text and which has none for a success. Messages are binary and begin
with the channel's number, or, where the protocol says base64, text that begins with its digit. A client that names no protocol
speaks the first one.
"""

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import AsyncIterator

import msgspec
from aiohttp import WSMessage, WSMsgType, web
from interlink.protocol.exec import CLOSE, ERROR, RESIZE, STDERR, STDIN, STDOUT, TerminalSize
from service_runtime.websockets import first_of, keep_alive

from virtual_kubelet.core.command_query import CommandQuery
from virtual_kubelet.io.caller_streams import CallerStreams, size_of

V5 = "v5.channel.k8s.io"  # the only one whose clients can say that standard input has ended
WITH_STATUS = (V5, "v4.channel.k8s.io", "v4.base64.channel.k8s.io")
BASE64 = ("v4.base64.channel.k8s.io", "base64.channel.k8s.io")
PROTOCOLS = (*WITH_STATUS, "channel.k8s.io", "base64.channel.k8s.io")
PROTOCOL_HEADER = "Sec-WebSocket-Protocol"
UNREAD = 1 << 20  # bytes of input: beyond that nothing more is read
UNREAD_SIZES = 32


class WebSocketStreams(CallerStreams):
    """One caller's."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._protocol = socket.ws_protocol or ""
        self._input = _Unread()
        self._sizes: asyncio.Queue[TerminalSize] = asyncio.Queue(UNREAD_SIZES)

    async def open(self, query: CommandQuery) -> None:
        """Tell the client, as a kubelet does, that all is ready: an empty message on the first channel that it can read.

        Raises ConnectionError.
        """
        await self._send(STDOUT if query.stdout else STDERR if query.stderr else ERROR, b"")

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
            if message.type is WSMsgType.ERROR:  # the socket is closed by now, with a code that says why
                raise ConnectionAbortedError(f"what the caller sent can't be read: {message.data}")
            channel, data = self._taken_apart(message)
            if channel == STDIN and data:
                await self._input.put(data)
            elif channel == CLOSE and data == bytes([STDIN]) and self._protocol == V5:
                await self._input.put(None)
            elif channel == RESIZE and (size := size_of(data)) is not None:
                await self._sizes.put(size)

    def _taken_apart(self, message: WSMessage) -> tuple[int | None, bytes]:
        """Channel and data; no channel for what a kubelet passes over, too."""
        whole = message.data.encode() if message.type is WSMsgType.TEXT else bytes(message.data)
        if not whole or self._protocol not in BASE64:
            return (whole[0] if whole else None), whole[1:]
        try:
            return whole[0] - ord("0"), base64.b64decode(whole[1:], validate=True)
        except binascii.Error:
            return None, b""

    async def write(self, kind: int, data: bytes) -> None:
        await self._send(kind, data)

    async def end(self, status: bytes) -> None:
        word = status if self._protocol in WITH_STATUS else _plain(status)
        if word:
            await self._send(ERROR, word)

    async def _send(self, channel: int, data: bytes) -> None:
        if self._protocol in BASE64:
            await self._socket.send_str(f"{channel}{base64.b64encode(data).decode()}")
        else:
            await self._socket.send_bytes(bytes([channel]) + data)


class _Unread:
    """Input that the command has not read: a message is taken as long as what waits is no more than UNREAD bytes."""

    def __init__(self) -> None:
        self._pieces: deque[bytes | None] = deque()
        self._size = 0
        self._changed = asyncio.Condition()

    async def put(self, data: bytes | None) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._size <= UNREAD)
            self._pieces.append(data)
            self._size += len(data or b"")
            self._changed.notify_all()

    async def get(self) -> bytes | None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._pieces))
            data = self._pieces.popleft()
            self._size -= len(data or b"")
            self._changed.notify_all()
            return data


def _plain(status: bytes) -> bytes:
    """A Status as text, empty for a success."""
    told = msgspec.json.decode(status)
    return b"" if told.get("status") == "Success" else str(told.get("message", "")).encode()
