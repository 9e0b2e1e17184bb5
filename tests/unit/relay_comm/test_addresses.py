"""Addresses, tickets and waits, as tables."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from highrate.relay import ticket
from highrate.relay.address import Address, Direct, parse, to_listen_on
from highrate.relay.control import FIRST_WAIT, LONGEST_WAIT, wait
from hypothesis import given
from hypothesis import strategies as st

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True)


@given(
    IDS, st.none() | st.tuples(IDS, st.sampled_from(["10.1.2.3", "fd00::7", "node.site.test"]), st.integers(1, 65535))
)
def test_addresses_are_read_as_they_are_written(name: str, near: tuple[str, str, int] | None) -> None:
    address = Address(name, Direct(*near) if near else None)
    assert parse(str(address)) == address
    assert parse(address.location) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "relay://",
        "a b",
        "-a",
        "a@",
        "a@net",
        "a@net/",
        "a@net/host",
        "a@net/host:",
        "a@net/host:0",
        "a@net/:1",
        "a@n t/h:1",
        "a@net/host:70000",
        "a" * 101,
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"relay|network"):
        parse(text)


@pytest.mark.parametrize(
    ("asked", "configured", "expected"),
    [
        ("", None, None),
        (":0", None, None),
        ("10.1.2.3:8786", None, None),
        ("10.1.2.3", None, None),
        ("[::1]:0", None, None),
        (":0", "scheduler", "scheduler"),
        ("relay://:8786", "scheduler", "scheduler"),
        ("chosen", "scheduler", "chosen"),
    ],
)
def test_the_id_to_listen_as(asked: str, configured: str | None, expected: str | None) -> None:
    found = to_listen_on(asked, configured)
    assert found == expected if expected else len(found) == 16


def test_hosts_are_addresses_that_nobody_has_and_differ() -> None:
    hosts = {parse(f"w{number}").host for number in range(1000)}
    assert len(hosts) == 1000
    assert all(240 <= int(host.split(".")[0]) <= 255 for host in hosts)
    assert parse("w1@site/10.1.2.3:4").host == "10.1.2.3"


def made(claims: object) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'ES256'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://relay-0.example.org", "relay-0.example.org", 443, ""),
        ("https://hub.example.org:8443/relay/0/", "hub.example.org", 8443, "/relay/0"),
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, ""),
    ],
)
def test_the_ticket_says_where_to_dial(tmp_path: Path, url: str, host: str, port: int, path: str) -> None:
    file = tmp_path / "ticket"
    file.write_text(made({"aud": url}) + "\n")
    found = ticket.read(str(file), "key")
    assert (found.host, found.port, found.path) == (host, port, path)
    assert found.text not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no ticket"),
        ("a.b.c", "holds no ticket"),
        (made([]), "holds no ticket"),
        (made({}), "holds no ticket"),
        (made({"aud": ["https://a.test"]}), "holds no ticket"),
        (made({"aud": "http://relay.test"}), "no https:// address"),
        (made({"aud": "https://relay.test/a b"}), "no https:// address"),
        (made({"aud": "https://relay.test\r\nX: y"}), "no https:// address"),
    ],
)
def test_tickets_that_say_nothing_usable(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "ticket"
    file.write_text(text)
    with pytest.raises(ticket.UnusableTicket, match=words):
        ticket.read(str(file), "highrate.relay.dial-ticket-file")
    with pytest.raises(ticket.UnusableTicket, match="dial-ticket-file is not set"):
        ticket.read(None, "highrate.relay.dial-ticket-file")


def test_waits_grow_are_spread_and_end_well_before_a_place_is_lost() -> None:
    assert wait(0, lambda low, _high: low) == FIRST_WAIT / 2
    assert wait(3, lambda _low, high: high) == FIRST_WAIT * 8
    assert wait(10_000, lambda _low, high: high) == LONGEST_WAIT < 60 / 2


def test_the_rest_of_the_package_needs_no_dask() -> None:
    code = (
        "import sys; import highrate, highrate.cli, highrate.relay, highrate.relay.address, highrate.relay.ticket; "
        "print([name for name in ('dask', 'distributed', 'tornado') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"
