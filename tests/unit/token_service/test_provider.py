"""What asking the provider costs this service itself."""

import ssl
from pathlib import Path

import pytest
from token_service.io import provider
from token_service.io.provider import Provider
from token_service.model.login import Login
from token_service.model.settings import Issuer, Profile

from tests.fakes.certificates import Authority
from tests.fakes.issuer import FakeIssuer, running


async def test_authorities_are_read_once_for_all_requests_and_discoveries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "DISCOVERED_FOR", 0.0)
    authority = Authority.create(tmp_path)
    secret = tmp_path / "client-secret"
    secret.write_text("secret")
    read: list[None] = []
    real = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        read.append(None)
        return real()

    async with running(FakeIssuer(), authority.server(tmp_path)) as issuer:
        settings = Issuer(url=issuer.url, client_id="hub", client_secret_file=secret, ca_file=authority.file)
        asked = Provider(settings, deadline=10)
        monkeypatch.setattr(ssl, "create_default_context", counted)
        for name in ("mario", "peach", "toad"):
            await asked.refresh(Login(name, "client-a", f"refresh-of-{name}"), Profile(scope=("storage.read:/",)))
        assert issuer.fetches == {"discovery": 3, "keys": 0, "token": 3, "elsewhere": 0}
    assert len(read) == 1
