"""SPDY/3.1 at the kubelet port: frames as Go's client writes them, in any pieces, and what no client needs to send."""

import hashlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_kubelet.io.spdy.frames import LONGEST, Data, Frame, FrameReader, FrameWriter, GoAway, Opened, Ping, Reset
from virtual_kubelet.io.spdy.headers import DICTIONARY, BadFrame, HeaderReader, HeaderWriter

# the first thing that kubectl 1.32 says after the upgrade
RECORDED = bytes.fromhex(
    "80030001000000290000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff"
)

NAMES = st.text(st.characters(codec="ascii", exclude_categories=["C", "Lu"]), min_size=1, max_size=20)
HEADERS = st.dictionaries(NAMES, st.text(max_size=50), max_size=8)


def frames(data: bytes) -> list[Frame]:
    return list(FrameReader().feed(data))


def test_the_dictionary_is_the_draft_s() -> None:
    digest = "51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02"  # of the one in moby/spdystream
    assert hashlib.sha256(DICTIONARY).hexdigest() == digest


def test_what_kubectl_opened_is_understood() -> None:
    assert frames(RECORDED) == [Opened(1, {"streamtype": "error"}, False)]


@given(st.lists(HEADERS, max_size=5))
def test_headers_come_back_however_many_blocks_there_are(blocks: list[dict[str, str]]) -> None:
    writer, reader = HeaderWriter(), HeaderReader()
    assert [reader.headers(writer.block(headers)) for headers in blocks] == blocks


@given(st.lists(st.binary(max_size=100), max_size=5), st.integers(1, 40))
def test_frames_come_back_in_whatever_pieces_they_arrive(texts: list[bytes], size: int) -> None:
    writer, reader = FrameWriter(), FrameReader()
    sent = [writer.opened(1, {"streamtype": "stdin"}), *(writer.data(1, text) for text in texts)]
    whole = b"".join([*sent, writer.data(1, b"", finished=True), writer.reset(3, 1), writer.ping(7), writer.go_away(1)])
    found = [frame for at in range(0, len(whole), size) for frame in reader.feed(whole[at : at + size])]
    assert found == [
        Opened(1, {"streamtype": "stdin"}, False),
        *(Data(1, text, False) for text in texts),
        Data(1, b"", True),
        Reset(3),
        Ping(7),
        GoAway(),
    ]


@given(st.binary(max_size=200))
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    try:
        frames(b"\x80\x03" + noise)
    except BadFrame:
        pass


def test_frames_that_say_nothing_here_are_passed_over() -> None:
    settings = struct.pack(">IIIII", 1 << 31 | 3 << 16 | 4, 12, 1, 4 << 24, 1 << 20)
    window = struct.pack(">IIII", 1 << 31 | 3 << 16 | 9, 8, 1, 1000)
    assert frames(settings + window + FrameWriter().ping(1)) == [Ping(1)]


def test_later_headers_are_read_although_a_reply_came_between() -> None:
    writer = FrameWriter()
    data = writer.opened(1, {"streamtype": "error"}) + writer.reply(1) + writer.opened(3, {"streamtype": "stdout"})
    assert [frame.headers for frame in frames(data) if isinstance(frame, Opened)] == [
        {"streamtype": "error"},
        {"streamtype": "stdout"},
    ]


def _syn(block: bytes) -> bytes:
    payload = struct.pack(">IIH", 1, 0, 0) + block
    return struct.pack(">II", 1 << 31 | 3 << 16 | 1, len(payload)) + payload


def _compressed(plain: bytes) -> bytes:
    packer = zlib.compressobj(zdict=DICTIONARY)
    return packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">II", 1 << 31 | 2 << 16 | 1, 0),
        struct.pack(">II", 1, LONGEST + 1),
        struct.pack(">II", 1 << 31 | 3 << 16 | 6, 0),
        _syn(b"no zlib"),
        _syn(_compressed(struct.pack(">I", 1 << 30))),
        _syn(_compressed(struct.pack(">II", 1, 1 << 30) + b"name")),
        _syn(_compressed(struct.pack(">III", 1, 1, 0xFFFF) + b"\xff")),
        _syn(_compressed(bytes(1 << 20))),
    ],
    ids=["version", "length", "no number", "not compressed", "too many", "longer than it is", "not text", "a bomb"],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        frames(data)
