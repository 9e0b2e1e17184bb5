"""Whatever the token service or something in its place answers, it is one of three things."""

import json
from typing import Any

import pytest
from highrate.tokens.answer import Granted, NotNow, Refused, read
from hypothesis import given
from hypothesis import strategies as st

GOOD = {"access_token": "abc.def-_~+/=", "profile": "p", "scope": "a b", "audience": "x", "expires_at": 1000}


def body(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_a_token_is_read_with_what_it_is_good_for() -> None:
    assert read(200, {}, body()) == Granted("abc.def-_~+/=", "p", "a b", "x", 1000.0)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html>",
        b"[]",
        b"\xff\xfe",
        body(access_token=None),
        body(access_token=""),
        body(access_token="a\r\nb"),
        body(access_token="a b"),
        body(expires_at=None),
        body(expires_at="1000"),
        body(expires_at=True),
        body().replace(b"1000", b"NaN"),
        body(expires_at=10**400),
        body(expires_at=1e300),
        body(expires_at=-1),
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_usable_token_is_a_reason_to_try_later(broken: bytes) -> None:
    assert isinstance(read(200, {}, broken), NotNow)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, Refused) for status in (400, 401, 403, 404, 405, 410)],
        *[(status, NotNow) for status in (408, 429, 500, 502, 503, 504, 301, 302, 204)],
    ],
)
def test_what_a_status_says_about_asking_again(status: int, kind: type) -> None:
    answer = read(status, {}, json.dumps({"error": "code", "message": "Log in again."}).encode())
    assert isinstance(answer, kind)
    assert not isinstance(answer, Granted)
    assert answer.reason == f"Log in again. ({status} code)"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("", 0), ("-1", 0), ("soon", 0), ("9" * 30, 0), ("²", 0)])
def test_how_long_the_service_asks_to_wait(header: str, seconds: float) -> None:
    assert read(503, {"retry-after": header}, b"{}") == NotNow("it doesn't say why (503)", seconds)


def test_what_it_says_fits_on_a_line_of_a_log() -> None:
    text = json.dumps({"message": "two\nlines\x1b[31m" + "x" * 10_000}).encode()
    answer = read(403, {}, text)
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("two lines?[31mxxx")
    assert len(answer.reason) < 400


def test_a_token_is_not_in_what_is_printed_of_it() -> None:
    assert "abc.def" not in repr(read(200, {}, body()))


@given(
    st.integers(200, 599),
    st.binary(max_size=200) | st.text(max_size=50).map(lambda text: json.dumps({"message": text}).encode()),
)
def test_no_answer_breaks_the_agent(status: int, content: bytes) -> None:
    assert isinstance(read(status, {}, content), Granted | Refused | NotNow)
