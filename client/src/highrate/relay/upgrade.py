"""Connections to the relay that become streams."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import Mapping
from http import HTTPStatus

from distributed.comm.tcp import MAX_BUFFER_SIZE
from tornado.iostream import StreamClosedError, UnsatisfiableReadError

from highrate.relay import authorities
from highrate.relay.nested import NestedStream, PlainOutside, TlsOutside
from highrate.relay.ticket import Ticket

LONGEST_ANSWER = 64 * 1024


class RelayRefused(ConnectionError):
    """The relay said no; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def final(self) -> bool:
        """Whether another try with the same ticket makes no sense."""
        return self.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


async def open_stream(ticket: Ticket, path: str, ca_file: str | None) -> NestedStream:
    """A stream by `path` of the ticket's relay. Raises RelayRefused, or OSError if it can't be reached.

    The caller has a deadline for it.
    """
    stream = await _connected(ticket, ca_file)
    try:
        await stream.write(_request(ticket, path))
        head = await stream.read_until(b"\r\n\r\n", max_bytes=LONGEST_ANSWER)
        await _check(head, stream, ticket)
        return stream
    except (StreamClosedError, UnsatisfiableReadError) as error:
        stream.close()
        reason = getattr(error, "real_error", None) or "the connection was closed"
        raise ConnectionError(f"no answer of the relay at {ticket.url}: {reason}") from error
    except BaseException:
        stream.close()
        raise


async def _check(head: bytes, stream: NestedStream, ticket: Ticket) -> None:
    status, headers = _parsed(head)
    if status != HTTPStatus.SWITCHING_PROTOCOLS:
        raise RelayRefused(status, await _message(stream, status, headers, ticket))


async def _connected(ticket: Ticket, ca_file: str | None) -> NestedStream:
    sock = await _socket(ticket.host, ticket.port)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not ticket.tls:
            return PlainOutside(sock, max_buffer_size=MAX_BUFFER_SIZE)
        context = authorities.context(ca_file)
        wrapped = context.wrap_socket(sock, server_hostname=ticket.host, do_handshake_on_connect=False)
        stream = TlsOutside(wrapped, ssl_options=context, max_buffer_size=MAX_BUFFER_SIZE)
    except BaseException:
        sock.close()
        raise
    try:
        await stream.wait_for_handshake()
        return stream
    except StreamClosedError as error:
        reason = error.real_error or "the connection was closed"
        raise ConnectionError(f"no TLS with the relay at {ticket.url}: {reason}") from error
    except BaseException:
        stream.close()
        raise


async def _socket(host: str, port: int) -> socket.socket:
    """Connected to the first address of `host` that answers."""
    loop = asyncio.get_running_loop()
    problem: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
            return sock
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
    raise problem


def _request(ticket: Ticket, path: str) -> bytes:
    lines = (
        f"GET {ticket.path}{path} HTTP/1.1",
        f"Host: {ticket.netloc}",
        f"Authorization: Bearer {ticket.text}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii", "replace")


def _parsed(head: bytes) -> tuple[int, Mapping[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not words[0].startswith("HTTP/1.") or len(words) < 2 or not words[1].isdecimal():
        raise ConnectionError(f"no answer of a relay: {first[:80]!r}")
    pairs = (line.partition(":") for line in rest if ":" in line)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _message(stream: NestedStream, status: int, headers: Mapping[str, str], ticket: Ticket) -> str:
    """The relay's own words, or those of an ingress in front of it that had no more than a number."""
    length = headers.get("content-length", "")
    told = ""
    if length.isdecimal() and 0 < int(length) <= LONGEST_ANSWER:
        try:
            told = str(json.loads(await stream.read_bytes(int(length)))["message"])
        except (ValueError, KeyError, TypeError, StreamClosedError):
            told = ""
    return f"the relay at {ticket.url} answers {status}: {told or 'without a reason; is it behind this address?'}"
