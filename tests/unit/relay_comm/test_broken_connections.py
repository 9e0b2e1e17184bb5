"""A TLS connection that broke leaves the others of its thread alone, whatever Python left in OpenSSL's queue of errors."""

import asyncio
import socket

import pytest
from distributed import Security
from highrate.relay import openssl_errors
from tornado.iostream import SSLIOStream, StreamClosedError


async def connected(security: Security) -> tuple[SSLIOStream, SSLIOStream]:
    """Both ends of a connection as Dask makes them."""
    listening, calling = socket.socketpair()
    ends = []
    for sock, arguments in (
        (listening, security.get_listen_args("scheduler")),
        (calling, security.get_connection_args("client")),
    ):
        sock.setblocking(False)
        wrapped = arguments["ssl_context"].wrap_socket(
            sock, server_side=sock is listening, do_handshake_on_connect=False
        )
        ends.append(SSLIOStream(wrapped, ssl_options=arguments["ssl_context"]))
    await asyncio.gather(*(end.wait_for_handshake() for end in ends))
    return ends[0], ends[1]


async def test_one_that_broke_breaks_no_other(security: Security) -> None:
    openssl_errors.contain()
    well, breaking = await connected(security), await connected(security)
    reading = asyncio.ensure_future(well[0].read_bytes(5))
    breaking[0].close()
    with pytest.raises(StreamClosedError):
        for _ in range(100):  # the first ones may go into the kernel's buffer
            await breaking[1].write(b"to nobody")
    await well[1].write(b"hello")
    async with asyncio.timeout(10):
        assert await reading == b"hello"
    for end in well:
        end.close()
