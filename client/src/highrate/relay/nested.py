"""TLS inside a connection that may be TLS itself: the outer one ends at an ingress or the relay, the inner at the other end.

Dask's comms want a stream of tornado, whose own TLS sits on a socket. So these streams read and write what their socket
carries, be it plain or TLS, and put the inner TLS between that and the bytes that Dask sees.
"""

import contextlib
import ssl
from typing import cast

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

PORTION = 256 * 1024
"""Bytes that are encrypted at once: what waits to be sent as ciphertext is no more."""
_HANDSHAKE_READ = 1024 * 1024


class NestedStream(IOStream):
    """A stream that is what its socket carries until `nest`, and from then on what the inner TLS carries."""

    _inner: ssl.SSLObject | None = None
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _chunk: bytearray
    _ciphertext: bytes | memoryview = b""
    _encrypted = 0
    """Bytes of the write buffer whose ciphertext has not all been sent: they count as written when it has."""

    @property
    def inner(self) -> ssl.SSLObject | None:
        """The inner TLS: the other end's certificate, the cipher."""
        return self._inner

    async def nest(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        """Do the inner handshake. Raises ssl.SSLError, or StreamClosedError."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=server_hostname)
        done = False
        while not done:
            try:
                inner.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                with contextlib.suppress(StreamClosedError):  # so that the other end learns why
                    await self.write(outgoing.read())
                raise
            if outgoing.pending:
                await self.write(outgoing.read())
            if not done:
                incoming.write(await self.read_bytes(_HANDSHAKE_READ, partial=True))
        while self._read_buffer_size:  # the other end's first words, which came with the end of its handshake
            incoming.write(await self.read_bytes(_HANDSHAKE_READ, partial=True))
        self._incoming, self._outgoing, self._chunk = incoming, outgoing, bytearray(self.read_chunk_size)
        self._inner = inner

    def write_to_fd(self, data: memoryview) -> int:
        if self._inner is None:
            return super().write_to_fd(data)
        if not self._encrypted:
            with data[:PORTION] as portion:
                self._encrypted = self._inner.write(portion)
            self._ciphertext = memoryview(self._outgoing.read())
        while self._ciphertext:
            sent = super().write_to_fd(memoryview(self._ciphertext))
            if not sent:
                return 0
            self._ciphertext = self._ciphertext[sent:]
        written, self._encrypted = self._encrypted, 0
        return written

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if self._inner is None:
            return super().read_from_fd(buf)
        filled = 0
        with memoryview(buf) as whole:
            while filled < len(whole):
                try:
                    with whole[filled:] as rest:
                        # a number, since it was given where to read to, which typeshed doesn't know
                        filled += cast(int, self._inner.read(len(rest), cast(bytearray, rest)))
                except ssl.SSLWantReadError:
                    # as much as there is: each round of tornado's costs more than a record of TLS
                    try:
                        received = super().read_from_fd(self._chunk)
                    except OSError:
                        if filled:  # the last words come first; the connection will be as broken at the next reading
                            return filled
                        raise
                    if not received:
                        return filled or received
                    with memoryview(self._chunk)[:received] as ciphertext:
                        self._incoming.write(ciphertext)
                except ssl.SSLZeroReturnError:
                    return filled
        return filled


class PlainOutside(NestedStream):
    """The socket carries plain bytes."""


class TlsOutside(NestedStream, SSLIOStream):
    """The socket carries TLS."""
