"""`kubectl logs` options on CRI lines."""

import datetime
from typing import Any

import pytest
from condor_sidecar.core.log_follow import NOTHING, Mark, news
from condor_sidecar.core.log_lines import LogWriter, after, lines, pieces, tail
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.types import LogOptions

DAY = "2026-01-01T00:00:"
DATA = (
    f"{DAY}01.000000001Z stdout F one\n"
    f"{DAY}02Z stderr P tw\n"
    f"{DAY}02.5Z stderr F o\n"
    f"{DAY}03Z stdout F \n"
    "not a line\n"
    f"{DAY}04.123456789Z stdout F four words long\n"
    f"{DAY}05Z stdout F cut"
).encode()
NOW = datetime.datetime(2026, 1, 1, 0, 0, 6, tzinfo=datetime.UTC).timestamp()


def text(**options: Any) -> str:
    asked = LogOptions(**options)
    return LogWriter(asked).text(after(lines(DATA[tail(DATA, asked.Tail) :]), asked, NOW)).decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "one\ntwo\n\nfour words long\n"),
        ({"Tail": 1}, "four words long\n"),
        ({"Tail": 3}, "two\n\nfour words long\n"),
        ({"Tail": 4}, "one\ntwo\n\nfour words long\n"),
        ({"Tail": 100}, "one\ntwo\n\nfour words long\n"),
        ({"Bytes": 5}, "one\nt"),
        ({"Tail": 1, "Bytes": 4}, "four"),
        ({"SinceSeconds": 3}, "\nfour words long\n"),
        ({"SinceSeconds": 1}, ""),
        ({"SinceTime": f"{DAY}04.123456Z"}, "four words long\n"),
        ({"SinceTime": f"{DAY}04.2Z"}, ""),
        ({"SinceTime": "0001-01-01T00:00:00Z"}, "one\ntwo\n\nfour words long\n"),
        (
            {"Timestamps": True},
            f"{DAY}01.000000001Z one\n{DAY}02Z two\n{DAY}03Z \n{DAY}04.123456789Z four words long\n",
        ),
    ],
)
def test_option(options: dict[str, Any], expected: str) -> None:
    assert text(**options) == expected


_texts = st.binary(max_size=12).filter(lambda b: b"\n" not in b)
_cri = st.lists(st.tuples(_texts, st.booleans()), max_size=12)


def cri(parts: list[tuple[bytes, bool]]) -> bytes:
    return b"".join(
        b"%s%02dZ stdout %s %s\n" % (DAY.encode(), number, b"F" if whole else b"P", part)
        for number, (part, whole) in enumerate(parts)
    )


@given(_cri)
def test_what_was_written_comes_back(parts: list[tuple[bytes, bool]]) -> None:
    written = b"".join(part + (b"\n" if whole else b"") for part, whole in parts)
    writer = LogWriter(LogOptions())
    assert b"".join(writer.text(lines(piece)) for piece in pieces(cri(parts), tail(cri(parts), 0))) == written


@given(_cri, st.integers(1, 5))
def test_tail_gives_whole_lines(parts: list[tuple[bytes, bool]], count: int) -> None:
    written = b"".join(part + (b"\n" if whole else b"") for part, whole in parts)
    *ended, rest = written.split(b"\n")
    # a log that ends inside a line: that part is a line, too
    inside = bool(parts) and not parts[-1][1]
    chosen = [line + b"\n" for line in ended] + ([rest] if inside else [])
    assert LogWriter(LogOptions()).text(lines(cri(parts)[tail(cri(parts), count) :])) == b"".join(chosen[-count:])


@given(_cri, st.data())
def test_following_gives_every_line_once(parts: list[tuple[bytes, bool]], data: st.DataObject) -> None:
    whole = cri(parts)
    ends = [0, *sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4))), len(whole)]
    writer = LogWriter(LogOptions())
    mark, sent = NOTHING, b""
    for end in ends:
        fresh = whole[:end]
        sent += writer.text(news(mark, fresh))
        mark = Mark.at_end(fresh) if fresh else mark
    assert sent == LogWriter(LogOptions()).text(list(lines(whole)))


def test_following_goes_on_after_a_gap_was_cut_out() -> None:
    early = f"{DAY}01Z stdout F a\n{DAY}02Z stdout F b\n".encode()
    shortened = f"{DAY}01Z stdout F a\n{DAY}09Z stdout F z\n".encode()
    assert [line.text for line in news(Mark.at_end(early), shortened)] == [b"z"]
