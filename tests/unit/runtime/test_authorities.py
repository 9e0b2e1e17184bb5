"""Authorities are read when they are needed or have changed, and never while other calls wait for it."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_runtime.authorities import Authorities
from service_runtime.openid import IssuerError, fetch_json

from tests.fakes.certificates import Authority
from tests.fakes.issuer import FakeIssuer, running


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The threads that read the system's authorities."""
    found: list[threading.Thread] = []
    real = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        found.append(threading.current_thread())
        return real()

    monkeypatch.setattr(ssl, "create_default_context", noted)
    yield found


async def test_they_are_read_once_for_calls_that_come_together_and_later(
    tmp_path: Path, readers: list[threading.Thread]
) -> None:
    authorities = Authorities(Authority.create(tmp_path).file)
    contexts = await asyncio.gather(*(authorities.context() for _ in range(10)))
    assert {id(context) for context in (*contexts, await authorities.context())} == {id(contexts[0])}
    assert len(readers) == 1
    assert readers[0] is not threading.current_thread(), "it takes some hundredths of a second"


async def test_a_file_that_is_replaced_is_trusted_from_the_next_call_on_and_its_predecessor_no_more(
    tmp_path: Path,
) -> None:
    one, other = Authority.create(tmp_path, "one"), Authority.create(tmp_path, "other")
    trusted = tmp_path / "ca.crt"
    _replace(trusted, one.file)
    authorities = Authorities(trusted)
    async with (
        running(FakeIssuer(), one.server(tmp_path, "of-one")) as old,
        running(FakeIssuer(), other.server(tmp_path, "of-other")) as new,
    ):
        assert await fetch_json(f"{old.url}jwk", authorities)
        with pytest.raises(IssuerError, match="certificate verify failed"):
            await fetch_json(f"{new.url}jwk", authorities)
        _replace(trusted, other.file)
        assert await fetch_json(f"{new.url}jwk", authorities)
        with pytest.raises(IssuerError, match="certificate verify failed"):
            await fetch_json(f"{old.url}jwk", authorities)


async def test_the_system_s_are_read_again_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "system.pem"
    _replace(system, Authority.create(tmp_path, "one").file)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    authorities = Authorities()
    before = await authorities.context()
    assert await authorities.context() is before
    _replace(system, Authority.create(tmp_path, "other").file)
    assert await authorities.context() is not before


async def test_a_file_that_is_gone_or_is_none_fails_the_call_and_the_next_one_tries_again(tmp_path: Path) -> None:
    trusted = tmp_path / "ca.crt"
    authorities = Authorities(trusted)
    with pytest.raises(FileNotFoundError, match=r"ca\.crt"):
        await authorities.context()
    trusted.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        await authorities.context()
    _replace(trusted, Authority.create(tmp_path).file)
    assert await authorities.context()


def _replace(file: Path, by: Path) -> None:
    """At once, as a mounted ConfigMap does."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(by.read_bytes())
    fresh.replace(file)
