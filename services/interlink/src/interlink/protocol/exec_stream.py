"""A running command as its caller sees it: the client's side of interlink.protocol.exec."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
from service_runtime.websockets import keep_alive

from interlink.protocol.decode import MalformedError, decode, encode
from interlink.protocol.errors import LostTrack
from interlink.protocol.exec import (
    CLOSE,
    CREDIT,
    ERROR,
    PIECE,
    RESIZE,
    STDERR,
    STDIN,
    STDOUT,
    WINDOW,
    ExecRequest,
    TerminalSize,
)

LONGEST_NUMBER = 9
GONE = "the connection to the command broke"


class ExecStream:
    """One command. Raises LostTrack where the connection breaks."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.status: dict[str, Any] | None = None
        """How it ended: a metav1.Status."""
        self._credit = WINDOW
        self._granted = asyncio.Event()

    async def begin(self, request: ExecRequest) -> None:
        """Say what is to be run."""
        with _mapped():
            await self._socket.send_str(encode(request).decode())

    async def write(self, data: bytes) -> None:
        """Give `data` to its standard input; waits while that isn't read, which is learnt by who reads `pieces`."""
        with _mapped():
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                while self._credit < len(piece):
                    self._granted.clear()
                    await self._granted.wait()
                self._credit -= len(piece)
                await self._socket.send_bytes(bytes([STDIN]) + piece)

    async def eof(self) -> None:
        """Its standard input has ended."""
        with _mapped():
            await self._socket.send_bytes(bytes([CLOSE, STDIN]))

    async def resize(self, size: TerminalSize) -> None:
        """The size of its terminal."""
        with _mapped():
            await self._socket.send_bytes(bytes([RESIZE]) + msgspec.json.encode(size))

    async def pieces(self) -> AsyncIterator[tuple[int, bytes]]:
        """What it writes, each piece with STDOUT or STDERR, until its end, of which `status` tells."""
        while self.status is None:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise LostTrack(f"{GONE} ({message.type.name.lower()}, code {self._socket.close_code})")
            channel, data = message.data[:1], message.data[1:]
            if channel == bytes([ERROR]):
                self.status = _status(data)
            elif channel == bytes([CREDIT]):
                self._grant(data)
            elif channel in (bytes([STDOUT]), bytes([STDERR])) and data:
                yield channel[0], data

    def _grant(self, data: bytes) -> None:
        if not data.isdigit() or len(data) > LONGEST_NUMBER:
            raise LostTrack("a grant of input that is no number")
        self._credit = min(self._credit + int(data), WINDOW)
        self._granted.set()

    async def keep_alive(self) -> None:
        """Run beside the rest: keeps what is in between from cutting a silent command; ends when the connection is gone."""
        await keep_alive(self._socket)


def _status(data: bytes) -> dict[str, Any]:
    try:
        return decode(data, dict[str, Any])
    except MalformedError as error:
        raise LostTrack(f"the command's end can't be read: {error}") from error


@contextlib.contextmanager
def _mapped() -> Any:
    try:
        yield
    except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
        raise LostTrack(f"{GONE}: {error or type(error).__name__}") from error
