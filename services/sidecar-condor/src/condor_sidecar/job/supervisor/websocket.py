"""A WebSocket client (RFC 6455) over TLS: just what the job channel needs, with nothing but the standard library.

One thread uses it: TLS connections can't be read and written at the same time. No extensions, so that nothing is unpacked here.
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
from typing import List, Optional, Tuple
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION, _FINAL, _MASKED = 0, 0x80, 0x80
_CONTROL_LIMIT = 125
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_LIMIT = 64 * 1024
_WORDS = 300  # bytes of a refusal's text that are kept
SEND_SECONDS = 30.0
READ = 64 * 1024


class Broken(Exception):
    """There is no connection, or none any more; the text says why."""


class WebSocket:
    """One connection."""

    def __init__(self, connection: socket.socket, rest: bytes, limit: int) -> None:
        self._socket, self._limit = connection, limit
        self._received = bytearray(rest)
        self._kind: Optional[int] = None
        self._parts = bytearray()

    def fileno(self) -> int:
        """For select; not enough by itself, see `waits`."""
        return self._socket.fileno()

    def waits(self) -> bool:
        """Whether something has to be received that select doesn't know of."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def send(self, kind: int, payload: bytes) -> None:
        """Send a message in one frame. Raises Broken."""
        size = len(payload)
        if size <= _CONTROL_LIMIT:
            head = struct.pack(">BB", _FINAL | kind, _MASKED | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", _FINAL | kind, _MASKED | 126, size)
        else:
            head = struct.pack(">BBQ", _FINAL | kind, _MASKED | 127, size)
        mask = os.urandom(4)
        try:
            self._socket.settimeout(SEND_SECONDS)
            self._socket.sendall(head + mask + _masked(payload, mask))
        except OSError as error:
            raise Broken("sending failed: %s" % error) from error

    def receive(self) -> List[Tuple[int, bytes]]:
        """The messages that are there, without waiting: TEXT, BINARY, PING, PONG, CLOSE. Raises Broken."""
        try:
            self._socket.settimeout(0)
            data = self._socket.recv(READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return self._messages()
        except OSError as error:
            raise Broken("receiving failed: %s" % error) from error
        if not data:
            raise Broken("the other end closed the connection")
        self._received += data
        return self._messages()

    def close(self) -> None:
        """Say so and close, without waiting for the answer."""
        try:
            self._socket.settimeout(1.0)
            self._socket.sendall(struct.pack(">BBI", _FINAL | CLOSE, _MASKED | 2, 0) + struct.pack(">H", 1000))
        except OSError:
            pass  # it is gone already
        self._socket.close()

    def _messages(self) -> List[Tuple[int, bytes]]:
        messages: List[Tuple[int, bytes]] = []
        while True:
            frame = self._frame()
            if frame is None:
                return messages
            final, kind, payload = frame
            if kind >= CLOSE:
                messages.append((kind, payload))
                continue
            if (kind == _CONTINUATION) != (self._kind is not None):
                raise Broken("the other end's frames make no message")
            self._kind = self._kind or kind
            self._parts += payload
            if len(self._parts) > self._limit:
                raise Broken("a message has more than %d bytes" % self._limit)
            if final:
                messages.append((self._kind, bytes(self._parts)))
                self._kind, self._parts = None, bytearray()

    def _frame(self) -> Optional[Tuple[bool, int, bytes]]:
        """The next frame, None if it isn't all there. Raises Broken."""
        data = self._received
        if len(data) < 2:
            return None
        final, kind, size = bool(data[0] & _FINAL), data[0] & 0x0F, data[1] & 0x7F
        start = {126: 4, 127: 10}.get(size, 2)
        if len(data) < start:
            return None
        if size > _CONTROL_LIMIT:
            size = int.from_bytes(data[2:start], "big")
        if data[0] & 0x70 or data[1] & _MASKED or kind not in (_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Broken("the other end doesn't speak WebSocket")
        if size > self._limit or (kind >= CLOSE and (size > _CONTROL_LIMIT or not final)):
            raise Broken("a frame has %d bytes" % size)
        if len(data) < start + size:
            return None
        payload = bytes(data[start : start + size])
        del data[: start + size]
        return final, kind, payload


def connect(url: str, authorization: str, subprotocol: str, authorities: str, limit: int, seconds: float) -> WebSocket:
    """Dial the wss:// address, within `seconds`; `authorities` (PEM) are trusted, or the machine's if empty. Raises Broken."""
    end = time.monotonic() + seconds
    parts = urlsplit(url)
    if parts.scheme != "wss" or not parts.hostname:
        raise Broken("%r is no wss:// address" % url)
    key = base64.b64encode(os.urandom(16))
    lines = [
        "GET %s HTTP/1.1" % ((parts.path or "/") + ("?" + parts.query if parts.query else "")),
        "Host: " + parts.netloc,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: " + key.decode("ascii"),
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: " + subprotocol,
        "Authorization: " + authorization,
    ]
    try:
        plain = socket.create_connection((parts.hostname, parts.port or 443), timeout=seconds)
    except OSError as error:
        raise Broken("%s can't be reached: %s" % (parts.netloc, error)) from error
    connection: socket.socket = plain
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _context(authorities).wrap_socket(plain, server_hostname=parts.hostname)
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        head, rest = _response(connection, end)
        _check(head, rest, key, subprotocol)
    except (OSError, ValueError) as error:
        connection.close()
        raise Broken("%s: %s" % (parts.netloc, error)) from error
    except Broken:
        connection.close()
        raise
    return WebSocket(connection, rest, limit)


def _context(authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authorities or None)
    # Python 3.13 began to refuse authorities without a keyUsage extension, which all others accept and sites have
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # Python 3.6
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    return context


def _response(connection: socket.socket, end: float) -> Tuple[bytes, bytes]:
    """Head and beginning of the rest of the answer. Raises OSError, Broken."""
    received = b""
    while b"\r\n\r\n" not in received:
        left = end - time.monotonic()
        if left <= 0 or len(received) > _HEAD_LIMIT:
            raise Broken("no answer in time" if left <= 0 else "the answer's head doesn't end")
        connection.settimeout(left)
        data = connection.recv(READ)
        if not data:
            raise Broken("the other end closed the connection")
        received += data
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _check(head: bytes, rest: bytes, key: bytes, subprotocol: str) -> None:
    """Raises Broken where the answer is no consent."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != ["101"]:
        words = rest[:_WORDS].decode("utf-8", "replace").strip()
        raise Broken("refused: %s%s" % (status.partition(" ")[2], ": " + words if words else ""))
    fields = [line.partition(":") for line in lines]
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    wanted = base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode("ascii")  # noqa: S324 - as the RFC says
    if headers.get("sec-websocket-accept") != wanted or headers.get("sec-websocket-protocol") != subprotocol:
        raise Broken("the other end doesn't speak %s" % subprotocol)


def _masked(payload: bytes, mask: bytes) -> bytes:
    """As a client has to send it; whole numbers are much faster than single bytes."""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")).to_bytes(size, "little")
