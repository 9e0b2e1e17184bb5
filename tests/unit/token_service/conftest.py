"""A token service on a real socket, by https, between a fake hub and a fake provider."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy
from service_runtime.grants import claims_of
from service_runtime.listen import Listen, serve_app
from service_runtime.tls import TlsFiles
from token_service.app import create_app
from token_service.model.settings import Settings

from tests.fakes.certificates import Authority
from tests.fakes.hub import FakeHub
from tests.fakes.hub import running as running_hub
from tests.fakes.issuer import FakeIssuer, TokenRequest
from tests.fakes.issuer import running as running_issuer

CLIENT_SECRET = "secret-of-the-client-8f2c"
ANYWHERE = "https://wlcg.cern.ch/jwt/v1/any"
PROFILES: dict[str, Any] = {
    "storage": {"description": "Files", "scope": "openid storage.read:/ storage.modify:/", "audience": ANYWHERE},
    "compute": {"scope": "compute.create compute.read", "audience": "https://ce.test:9619"},
    "whoami": {"scope": "openid"},
}


@dataclass
class Provider:
    """Answers refreshes of known refresh tokens, as INDIGO IAM does: the same refresh token again."""

    issuer: FakeIssuer
    subjects: dict[str, str] = field(default_factory=dict)
    """By refresh token."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What tokens have instead of what was asked for."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What answers have besides."""
    made: list[str] = field(default_factory=list)
    """The tokens."""

    def reply(self, asked: TokenRequest) -> tuple[int, Mapping[str, Any]]:
        subject = self.subjects.get(asked.form["refresh_token"])
        if subject is None:
            return 400, {"error": "invalid_grant", "error_description": f"unknown: {asked.form['refresh_token']}"}
        made = self.issuer.grant(asked, sub=subject, **self.claims)
        self.made.append(made["access_token"])
        return 200, {**made, "refresh_token": asked.form["refresh_token"], **self.fields}


@dataclass(frozen=True)
class Reply:
    """What the caller got."""

    status: int
    headers: CIMultiDictProxy[str]
    body: dict[str, Any]

    @property
    def claims(self) -> dict[str, Any]:
        return claims_of(self.body["access_token"]) or {}

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body["error"]


@dataclass
class Desk:
    """All of them, and a session to call with."""

    hub: FakeHub
    issuer: FakeIssuer
    provider: Provider
    url: str
    session: aiohttp.ClientSession
    folder: Path

    def log_in(self, name: str, refresh_token: str = "", subject: str = "") -> str:
        """Somebody logs in, with a grant of the provider; gives the token of their server."""
        refresh_token = refresh_token or f"refresh-of-{len(self.provider.subjects)}-canary"
        self.provider.subjects[refresh_token] = subject or f"subject of {name}"
        return self.hub.log_in(name, refresh_token, subject or None)

    async def get(self, path: str, token: str | None = None, scheme: str = "token", **options: Any) -> Reply:
        if token is not None:
            options["headers"] = {"Authorization": f"{scheme} {token}"}
        async with self.session.get(f"{self.url}{path}", **options) as response:
            return Reply(response.status, response.headers, await response.json())

    async def token(self, token: str, profile: str = "storage") -> Reply:
        return await self.get(f"/v1/token?profile={profile}", token)


StartDesk = Callable[..., contextlib.AbstractAsyncContextManager[Desk]]


def content(folder: Path, tls: TlsFiles, hub_url: str, service_token: str, issuer_url: str) -> dict[str, Any]:
    """The service's configuration; secrets lie in `folder`."""
    (folder / "hub-token").write_text(f"{service_token}\n")
    (folder / "client-secret").write_text(f"{CLIENT_SECRET}\n")
    return {
        "listen": "127.0.0.1:0",
        "tls": {"cert": str(tls.cert), "key": str(tls.key)},
        "metrics": "127.0.0.1:0",
        "hub": {"url": hub_url, "token_file": str(folder / "hub-token")},
        "issuer": {"url": issuer_url, "client_id": "hub", "client_secret_file": str(folder / "client-secret")},
        "default_profile": "storage",
        "profiles": PROFILES,
    }


@pytest.fixture
def start_desk(tmp_path: Path) -> StartDesk:
    """Start a service; keyword arguments are settings."""

    @contextlib.asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Desk]:
        authority = Authority.create(tmp_path)
        tls = authority.server(tmp_path)
        async with contextlib.AsyncExitStack() as stack:
            hub = await stack.enter_async_context(running_hub(FakeHub()))
            issuer = await stack.enter_async_context(running_issuer(FakeIssuer()))
            provider = Provider(issuer)
            issuer.reply = provider.reply
            whole = content(tmp_path, tls, hub.url, hub.service_token, issuer.url)
            parts = {key: {**whole[key], **changes.pop(key, {})} for key in ("hub", "issuer")}
            settings = Settings.model_validate({**whole, **parts, **changes})
            bound = await stack.enter_async_context(
                serve_app(create_app(settings), Listen.parse("https://127.0.0.1:0"), settings.tls, drain_seconds=0.1)
            )
            assert bound is not None
            context = ssl.create_default_context(cafile=str(authority.file))
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=context, limit=0), cookie_jar=aiohttp.DummyCookieJar()
                )
            )
            yield Desk(hub, issuer, provider, f"https://127.0.0.1:{bound[1]}", session, tmp_path)

    return start


@pytest.fixture
async def desk(start_desk: StartDesk) -> AsyncIterator[Desk]:
    async with start_desk() as started:
        yield started


async def eventually(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until `condition` holds."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"after {seconds} s still not: {what}") from None
