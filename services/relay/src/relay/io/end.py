"""One side of a stream: an HTTP connection whose upgrade was answered, and from then on bytes.

It takes the place of aiohttp's reader of WebSocket frames, which is where aiohttp hands over what arrives after an upgrade.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from relay.core.handshake import answer_headers

EARLY_BYTES = 64 * 1024
"""What a caller may send before it is answered, which no honest one does."""
BUFFER_BYTES = 256 * 1024
"""What waits for a reader that is slower than its writer; with one reading of the source that is all a stream holds."""


class End:
    """The connection of `request`. What arrives is kept until `forward` says where it goes."""

    def __init__(self, request: web.Request, linger: float, silence: float) -> None:
        self._answer = answer_headers(request.headers)  # refuses what is no handshake, before anything is taken over
        assert request.transport is not None, "a handler runs as long as its connection stands"
        self._request = request
        self._protocol = request.protocol
        self._transport = request.transport
        self._linger = linger
        self._writer: AbstractStreamWriter | None = None
        self._forward: Callable[[bytes], None] | None = None
        self._early = b""
        self.closed = asyncio.Event()
        watch_silence(request, silence)
        self._protocol.set_parser(cast(Any, self))

    async def answer(self) -> web.StreamResponse:
        """Say 101: the caller's bytes go on from here."""
        response = web.StreamResponse(status=101, headers=cast(Mapping[str, str], self._answer))
        response.force_close()
        self._writer = await response.prepare(self._request)
        self._transport.set_write_buffer_limits(BUFFER_BYTES)
        return response

    def forward(self, sink: Callable[[bytes], None]) -> None:
        """Hand what arrived, and all that arrives, to `sink`."""
        self._forward = sink
        early, self._early = self._early, b""
        if early:
            sink(early)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """aiohttp: bytes have arrived."""
        if self._forward is not None:
            self._forward(data)
        elif len(self._early) + len(data) > EARLY_BYTES:
            self._transport.abort()
        else:
            self._early += data
        return False, b""

    def feed_eof(self) -> None:
        """aiohttp: the connection is gone."""
        self.closed.set()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    @property
    def full(self) -> bool:
        """Whether more waits to be written than should."""
        return self._protocol.writing_paused

    async def drain(self) -> None:
        """Wait until less waits to be written. Raises ConnectionError if the connection is gone."""
        assert self._writer is not None, "drained after the answer"
        await self._writer.drain()

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def finish(self) -> None:
        """Close once all is written, or when the time for that is over."""
        if self._transport.is_closing():
            return
        waiting = self._transport.get_write_buffer_size()
        self._transport.close()
        if waiting:
            asyncio.get_running_loop().call_later(self._linger, self._transport.abort)


def watch_silence(request: web.Request, seconds: float) -> None:
    """Let the kernel find out that a peer is gone without a word: by probes at rest, by what stays unacknowledged else."""
    sock = request.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    idle = max(1, int(seconds / 2))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(seconds / 10)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
