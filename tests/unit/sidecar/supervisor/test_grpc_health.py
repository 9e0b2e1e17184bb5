"""The health check over HTTP/2: what goes out byte by byte, and what is made of what comes back."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from condor_sidecar.job.supervisor.grpc_health import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    NoAnswer,
    check,
    frame,
    request,
)
from hypothesis import given
from hypothesis import strategies as st

HELLO = frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100))
ANSWER_HEADERS = frame(HEADERS, END_HEADERS, 1, b"\x88")  # ":status: 200" of HPACK's static table


def answer(status: int | None) -> bytes:
    """A HealthCheckResponse as a message of gRPC."""
    field = b"" if status is None else bytes([8, status])
    return struct.pack(">?I", False, len(field)) + field


@contextmanager
def server(*pieces: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Sends these pieces to who connects, once it heard something; gives its port and what it hears."""
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(ConnectionError):
            heard.append(connection.recv(65536))
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(65536):
                heard.append(data)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join(10)


@pytest.mark.parametrize(
    ("status", "word"),
    [(1, "SERVING"), (2, "NOT_SERVING"), (3, "SERVICE_UNKNOWN"), (0, "UNKNOWN"), (None, "UNKNOWN"), (77, "UNKNOWN")],
)
def test_each_status_is_read(status: int | None, word: str) -> None:
    with server(HELLO, ANSWER_HEADERS + frame(DATA, 0, 1, answer(status))) as (port, _):
        assert check("127.0.0.1", port, "", 5) == word


def test_an_answer_in_small_pieces_among_other_frames_is_read() -> None:
    message = answer(1)
    everything = (
        HELLO + frame(SETTINGS, ACK, 0, b"") + frame(PING, 0, 0, b"12345678") + frame(8, 0, 0, b"\0\0\1\0")
        + ANSWER_HEADERS + frame(DATA, PADDED, 1, b"\2" + message[:3] + b"\0\0") + frame(DATA, 0, 1, message[3:])
    )  # fmt: skip
    with server(*(everything[i : i + 1] for i in range(len(everything)))) as (port, heard):
        assert check("127.0.0.1", port, "", 5) == "SERVING"
    sent = b"".join(heard)
    assert frame(SETTINGS, ACK, 0, b"") in sent and frame(PING, ACK, 0, b"12345678") in sent


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([HELLO, frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88")], "doesn't implement the gRPC health protocol"),
        ([HELLO, frame(RST_STREAM, 0, 1, b"\0\0\0\1")], "refused the call"),
        ([HELLO, frame(GOAWAY, 0, 0, bytes(8))], "refused the call"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "doesn't speak HTTP/2"),
        ([frame(DATA, 0, 3, bytes(16384)), b"\0\x40\1" + bytes(6)], "doesn't speak HTTP/2"),
        ([frame(PING, ACK, 0, bytes(8)) * 1001], "1000 frames and no answer"),
    ],
)
def test_what_is_no_answer_is_told(pieces: list[bytes], words: str) -> None:
    with server(*pieces) as (port, _), pytest.raises((NoAnswer, ConnectionError), match=words):
        check("127.0.0.1", port, "", 5)


def test_who_closes_at_once_is_told() -> None:
    def close(listening: socket.socket) -> None:
        listening.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=close, args=(listening,), daemon=True).start()
        with pytest.raises((NoAnswer, ConnectionError)):
            check("127.0.0.1", listening.getsockname()[1], "", 5)


def test_who_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(socket.timeout):
        check("127.0.0.1", listening.getsockname()[1], "", 0.2)


def decoded(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The frames after the preface."""
    assert data.startswith(PREFACE)
    data, found = data[len(PREFACE) :], []
    while data:
        size = int.from_bytes(data[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", data[3:9])
        found.append((kind, flags, stream, data[9 : 9 + size]))
        data = data[9 + size :]
    return found


@given(st.text(max_size=300))
def test_the_request_names_the_service(service: str) -> None:
    settings, headers, message = decoded(request("h:1", service))
    assert settings == (SETTINGS, 0, 0, b"")
    assert headers[:3] == (HEADERS, END_HEADERS, 1)
    assert b"\0\x05:path\x1c/grpc.health.v1.Health/Check" in headers[3]
    assert b"\0\x0a:authority\x03h:1" in headers[3]
    kind, flags, stream, payload = message
    assert (kind, flags, stream) == (DATA, END_STREAM, 1)
    assert struct.unpack(">?I", payload[:5]) == (False, len(payload) - 5)
    name = service.encode()
    if name:
        size = len(name)
        length = bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
        assert payload[5:] == b"\x0a" + length + name
    else:
        assert payload[5:] == b""
