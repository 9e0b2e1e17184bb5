"""One broken TLS connection must not break the others of its thread.

OpenSSL has a queue of errors per thread, and Python doesn't empty it when a system call inside of TLS has failed (CPython issue
148594; seen with 3.13.5 and OpenSSL 3.5: after a `BrokenPipeError` each other TLS socket of the thread answers the next reading
with the same error). A scheduler then loses its client and workers because one nanny went. Tornado closes a stream as soon as it
meets an error, so that is where the queue is emptied.

Dask's streams are the only sockets in question: asyncio's TLS makes no system calls.
"""

import contextlib
import ssl

from tornado.iostream import IOStream

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def clear() -> None:
    """Empty the queue of this thread; 0.1 ms."""
    # Python has no call for it, but does it when OpenSSL knows none of the ciphers
    with contextlib.suppress(ssl.SSLError):
        _CONTEXT.set_ciphers("NONE-SUCH")


def contain() -> None:
    """From now on, closing a stream of tornado's empties the queue. May be called again."""
    IOStream.close_fd = _close_fd  # type: ignore[method-assign, assignment]


_closes_its_socket = IOStream.close_fd


def _close_fd(stream: IOStream) -> None:
    try:
        _closes_its_socket(stream)
    finally:
        clear()


def dask_setup(*_: object) -> None:
    """Dask calls it where this module is among the preloads of a client, worker or nanny."""
    contain()
