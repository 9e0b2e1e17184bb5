"""Frames of SPDY/3.1: bytes to values and back."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from virtual_kubelet.io.spdy.headers import BadFrame, HeaderReader, Headers, HeaderWriter

VERSION = 3
FIN = 1
LONGEST = 1 << 20
"""Bytes of a frame: Go's side sends 32 KiB at most."""
PIECE = 32 * 1024

_HEAD = struct.Struct(">II")
_TWO = struct.Struct(">II")
_CONTROL = 1 << 31
_STREAM = _CONTROL - 1


class Kind(IntEnum):
    """Types of control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6
    GOAWAY = 7
    HEADERS = 8


@dataclass(frozen=True, slots=True)
class Opened:
    """SYN_STREAM: the other side opens a stream."""

    stream: int
    headers: Headers
    finished: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; `finished` says that they are its last."""

    stream: int
    data: bytes
    finished: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """RST_STREAM: nobody wants the stream any more."""

    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    """PING: to be sent back, or what was sent come back."""

    number: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """GOAWAY: the other side opens no more streams."""


Frame = Opened | Data | Reset | Ping | GoAway


class FrameReader:
    """Cuts what arrives into frames. Those that say nothing to a kubelet (SETTINGS, WINDOW_UPDATE, replies) are passed over."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._headers = HeaderReader()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with `data`. Raises BadFrame."""
        self._waiting += data
        while len(self._waiting) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._waiting)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > LONGEST:
                raise BadFrame(f"a frame of {length} bytes; at most {LONGEST} are taken")
            if len(self._waiting) < _HEAD.size + length:
                return
            payload = bytes(self._waiting[_HEAD.size : _HEAD.size + length])
            del self._waiting[: _HEAD.size + length]
            if not first & _CONTROL:
                yield Data(first & _STREAM, payload, bool(flags & FIN))
            elif (frame := self._control(first & _STREAM, flags, payload)) is not None:
                yield frame

    def _control(self, version_and_kind: int, flags: int, payload: bytes) -> Frame | None:
        version, kind = version_and_kind >> 16, version_and_kind & 0xFFFF
        if version != VERSION:
            raise BadFrame(f"a frame of SPDY version {version}")
        try:
            return self._known(kind, flags, payload)
        except struct.error as error:
            raise BadFrame(f"a control frame of type {kind}: {error}") from error

    def _known(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        (number,) = struct.unpack_from(">I", payload) if kind != Kind.GOAWAY else (0,)
        match kind:
            case Kind.SYN_STREAM:
                return Opened(number & _STREAM, self._headers.headers(payload[10:]), bool(flags & FIN))
            case Kind.SYN_REPLY | Kind.HEADERS:
                self._headers.headers(payload[4:])  # the compression of later blocks builds on it
                return None
            case Kind.RST_STREAM:
                return Reset(number & _STREAM)
            case Kind.PING:
                return Ping(number)
            case Kind.GOAWAY:
                return GoAway()
        return None


class FrameWriter:
    """Makes the frames that a server sends."""

    def __init__(self) -> None:
        self._headers = HeaderWriter()

    def reply(self, stream: int) -> bytes:
        """SYN_REPLY: the stream is taken."""
        return _control(Kind.SYN_REPLY, struct.pack(">I", stream) + self._headers.block({}))

    def opened(self, stream: int, headers: Headers) -> bytes:
        """SYN_STREAM, which clients send."""
        return _control(Kind.SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self._headers.block(headers))

    def data(self, stream: int, data: bytes, *, finished: bool = False) -> bytes:
        """Bytes of a stream, in one frame: PIECE of them at most, so that others get their turn."""
        return _HEAD.pack(stream, (FIN if finished else 0) << 24 | len(data)) + data

    def reset(self, stream: int, status: int) -> bytes:
        """RST_STREAM; status 1 is a protocol error, 3 a refused stream."""
        return _control(Kind.RST_STREAM, _TWO.pack(stream, status))

    def ping(self, number: int) -> bytes:
        return _control(Kind.PING, struct.pack(">I", number))

    def go_away(self, last_stream: int) -> bytes:
        return _control(Kind.GOAWAY, _TWO.pack(last_stream, 0))


def _control(kind: Kind, payload: bytes) -> bytes:
    return _HEAD.pack(_CONTROL | VERSION << 16 | kind, len(payload)) + payload
