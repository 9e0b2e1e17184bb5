"""Asks a server for its health by gRPC: one call of grpc.health.v1.Health/Check over HTTP/2 in cleartext.

Just enough of both for that, since the standard library has neither: the client's preface and settings, the request's headers as
literals (RFC 7541, 6.2.2), its message, and then frames until the answer's message is there (RFC 9113). Answers' headers are not
read: the message alone says how the server is.
"""

import socket
import struct
import time
from typing import Iterator, List, Tuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK, END_STREAM, END_HEADERS, PADDED = 1, 1, 4, 8
LONGEST_FRAME = 16384  # a server sends no longer one to a client that didn't allow it
MOST_FRAMES = 1000
STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
SERVING = "SERVING"


class NoAnswer(Exception):
    """The server gave no answer of this protocol; the text says what it did."""


def check(host: str, port: int, service: str, timeout: float) -> str:
    """The status of `service` ("": of the server as a whole), a word of STATUSES. Raises NoAnswer, OSError."""
    end = time.monotonic() + timeout
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(request("%s:%d" % (host, port), service))
        message = b""
        for kind, flags, stream, payload in _frames(connection, end):
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                connection.sendall(frame(PING, ACK, 0, payload))
            elif kind in (RST_STREAM, GOAWAY):
                raise NoAnswer("the server refused the call: does it speak gRPC?")
            elif stream == 1 and kind == DATA:
                message += _unpadded(flags, payload)
                if len(message) >= 5 and len(message) >= 5 + struct.unpack(">xI", message[:5])[0]:
                    return STATUSES.get(_status(message[5:]), "UNKNOWN")
            if stream == 1 and kind in (DATA, HEADERS) and flags & END_STREAM:
                break
        raise NoAnswer(
            "the server doesn't implement the gRPC health protocol (grpc.health.v1.Health), or not for this service"
        )


def request(authority: str, service: str) -> bytes:
    """All that the client has to say, without waiting for an answer."""
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("user-agent", "kube-probe/1.0"),
        ("te", "trailers"),
    ]
    name = service.encode("utf-8")
    field = b"\x0a" + _varint(len(name)) + name if name else b""
    message = struct.pack(">?I", False, len(field)) + field
    return (
        PREFACE
        + frame(SETTINGS, 0, 0, b"")
        + frame(HEADERS, END_HEADERS, 1, b"".join(_literal(key, value) for key, value in headers))
        + frame(DATA, END_STREAM, 1, message)
    )


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A header field that neither side remembers."""
    return b"\0" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    raw = text.encode("ascii")
    if len(raw) < 127:
        return struct.pack(">B", len(raw)) + raw
    return b"\x7f" + _varint(len(raw) - 127) + raw


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first: the same in HPACK's integers and in protocol buffers."""
    found: List[int] = []
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


def _frames(connection: socket.socket, end: float) -> Iterator[Tuple[int, int, int, bytes]]:
    """Frames as they come: kind, flags, stream, payload."""
    for _ in range(MOST_FRAMES):
        head = _receive(connection, 9, end)
        size = struct.unpack(">I", b"\0" + head[:3])[0]
        if size > LONGEST_FRAME:
            raise NoAnswer("the server doesn't speak HTTP/2 in cleartext")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        yield kind, flags, stream & 0x7FFFFFFF, _receive(connection, size, end)
    raise NoAnswer("the server sent %d frames and no answer" % MOST_FRAMES)


def _receive(connection: socket.socket, size: int, end: float) -> bytes:
    received = b""
    while len(received) < size:
        left = end - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        connection.settimeout(left)
        piece = connection.recv(size - len(received))
        if not piece:
            raise NoAnswer("the server closed the connection: does it speak HTTP/2 in cleartext?")
        received += piece
    return received


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED or not payload:
        return payload
    return payload[1 : max(1, len(payload) - payload[0])]


def _status(message: bytes) -> int:
    """Field 1 of a HealthCheckResponse; 0 if it is left out, as an enumeration's first value is."""
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0
