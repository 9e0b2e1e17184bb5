"""A real OpenID provider between the token refresher and the proxy: what it issues is written, shown, and judged.

The claims, the group gate, audiences and lifetimes are those of the development cluster's IAM (WLCG token profile).
"""

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from devcluster.iam import registry
from oauth2_proxy.app import create_app
from oauth2_proxy.model.settings import Settings as ProxySettings
from service_runtime.grants import claims_of
from service_runtime.http_client import client_ssl_context
from service_runtime.listen import Listen, serve_app
from token_refresher.io.refresher import Refresher
from token_refresher.model.settings import Token
from token_service.app import create_app as create_token_service
from token_service.model.settings import Settings as TokenSettings

from tests.contract.real_iam import RealIam, running
from tests.fakes.certificates import Authority
from tests.fakes.hub import FakeHub
from tests.fakes.hub import running as running_hub
from tests.unit.token_service.conftest import content

COMPUTE = "compute.read compute.create compute.modify compute.cancel"


@pytest.fixture(scope="module")
def iam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealIam]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(tmp_path_factory.mktemp("iam"), port) as provider:
        yield provider


@contextlib.asynccontextmanager
async def proxy(iam: RealIam, folder: Path, **issuer: Any) -> AsyncIterator[str]:
    """A proxy that trusts `iam`, in front of an upstream that answers with the headers of who called."""

    async def upstream(request: web.Request) -> web.Response:
        return web.json_response({k: v for k, v in request.headers.items() if k.startswith("X-Forwarded-")})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upstream)
    address = f"unix://{folder}/upstream.sock"
    trusted = {
        "issuer": iam.issuer,
        "ca_file": iam.ca_file,
        "audiences": [registry.EDGE_AUDIENCE],
        "allow": [{"groups": [registry.EDGE_GROUP]}],
        "clock_skew": 0,
        **issuer,
    }
    settings = ProxySettings.model_validate({"listen": "http://127.0.0.1:0", "upstream": address, "issuers": [trusted]})
    async with (
        serve_app(app, Listen.parse(address), drain_seconds=0.1),
        serve_app(create_app(settings), Listen.parse(settings.listen), drain_seconds=0.1) as bound,
    ):
        assert bound is not None
        yield f"http://127.0.0.1:{bound[1]}"


def refresher(iam: RealIam, folder: Path, client: str = registry.VK, **changes: Any) -> Refresher:
    usual = {
        "name": "token",
        "file": folder / "token",
        "issuer": iam.issuer,
        "ca_file": iam.ca_file,
        "client_id": client,
        "client_secret_file": iam.secret_file(client),
        "audience": registry.EDGE_AUDIENCE,
        "scope": "wlcg.groups",
    }
    return Refresher(Token.model_validate({**usual, **changes}))


async def call(url: str, token: str) -> tuple[int, dict[str, str]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(f"{url}/status", headers=headers) as response:
        return response.status, await response.json() if response.status == 200 else {}


async def test_a_refreshed_token_of_the_virtual_kubelet_opens_the_edge(iam: RealIam, tmp_path: Path) -> None:
    wait = await refresher(iam, tmp_path).refresh()
    assert 3600 * 0.5 < wait < 3600 * 0.6
    async with proxy(iam, tmp_path) as url:
        status, seen = await call(url, (tmp_path / "token").read_text())
    assert status == 200
    assert (seen["X-Forwarded-User"], seen["X-Forwarded-Groups"]) == (registry.VK, registry.EDGE_GROUP)


async def test_without_the_scope_for_groups_the_same_client_is_refused(iam: RealIam, tmp_path: Path) -> None:
    async with proxy(iam, tmp_path) as url:
        assert (await call(url, iam.token(registry.VK, registry.EDGE_AUDIENCE, "wlcg")))[0] == 403


async def test_a_service_in_no_group_is_refused(iam: RealIam, tmp_path: Path) -> None:
    async with proxy(iam, tmp_path) as url:
        assert (await call(url, iam.token(registry.STRANGER, registry.EDGE_AUDIENCE)))[0] == 403


async def test_a_token_for_the_schedd_does_not_open_the_edge(iam: RealIam, tmp_path: Path) -> None:
    async with proxy(iam, tmp_path) as url:
        assert (await call(url, iam.token(registry.VK, registry.SITE_AUDIENCE)))[0] == 401
        assert (await call(url, iam.token(registry.VK)))[0] == 401, "nor does the profile's token for anybody"


async def test_one_token_may_be_for_several_places(iam: RealIam, tmp_path: Path) -> None:
    await refresher(iam, tmp_path, audience=[registry.SITE_AUDIENCE, registry.EDGE_AUDIENCE]).refresh()
    async with proxy(iam, tmp_path) as url:
        assert (await call(url, (tmp_path / "token").read_text()))[0] == 200


async def test_a_token_is_refused_once_it_is_over(iam: RealIam, tmp_path: Path) -> None:
    async with proxy(iam, tmp_path) as url:
        assert (await call(url, iam.token(registry.VK, registry.EDGE_AUDIENCE)))[0] == 200
        token = iam.token(registry.BRIEF, registry.EDGE_AUDIENCE)
        assert (await call(url, token))[0] == 200
        async with asyncio.timeout(registry.BRIEF_SECONDS + 10):
            while (await call(url, token))[0] != 401:
                await asyncio.sleep(0.2)


async def test_the_sidecars_token_has_what_htcondor_asks_of_a_scitoken(iam: RealIam, tmp_path: Path) -> None:
    keeper = refresher(iam, tmp_path, registry.SIDECAR, audience=registry.SITE_AUDIENCE, scope=COMPUTE)
    await keeper.refresh()
    claims = claims_of((tmp_path / "token").read_text())
    assert claims is not None
    assert {name: claims[name] for name in ("wlcg.ver", "iss", "sub", "aud")} == {
        "wlcg.ver": "1.0",
        "iss": iam.issuer,
        "sub": registry.SIDECAR,
        "aud": registry.SITE_AUDIENCE,
    }
    assert set(COMPUTE.split()) <= set(claims["scope"].split())


async def test_what_the_provider_refuses_is_told_in_its_words(iam: RealIam, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    keeper = refresher(iam, tmp_path, client_secret_file=wrong)
    await keeper.refresh()
    assert "401: invalid_client" in str(keeper.unready())
    keeper = refresher(iam, tmp_path, scope="storage.read:/")
    await keeper.refresh()
    assert "400: invalid_scope" in str(keeper.unready())
    assert not (tmp_path / "token").exists()


async def test_a_persons_refresh_token_keeps_a_token_fresh_and_carries_the_persons_groups(
    iam: RealIam, tmp_path: Path
) -> None:
    (tmp_path / "first").write_text(await log_in(iam, "mario"))
    keeper = refresher(
        iam,
        tmp_path,
        registry.HUB,
        grant="refresh_token",
        refresh_token_file=tmp_path / "first",
        scope="openid wlcg.groups",
    )
    assert await keeper.refresh() > 0.4 * registry.PEOPLE_SECONDS
    assert await keeper.refresh() > 0.4 * registry.PEOPLE_SECONDS
    async with proxy(iam, tmp_path, user_claim="preferred_username", allow=[{"groups": ["icsc/admins"]}]) as url:
        status, seen = await call(url, (tmp_path / "token").read_text())
    assert (status, seen["X-Forwarded-User"]) == (200, "mario")
    assert seen["X-Forwarded-Groups"] == "/icsc,/icsc/admins"


async def test_a_pod_gets_tokens_of_a_real_login_each_for_one_purpose(iam: RealIam, tmp_path: Path) -> None:
    """A refresh narrows scope and audience, and leaves the refresh token as it was."""
    subject = next(user.subject for user in registry.USERS if user.username == "mario")
    profiles = {
        "storage": {"scope": "storage.read:/", "audience": "https://se.test https://se2.test"},
        "edge": {"scope": "openid wlcg.groups", "audience": registry.EDGE_AUDIENCE},
        "beyond": {"scope": "compute.create"},
    }
    async with running_hub(FakeHub()) as hub, token_service(iam, hub, profiles, tmp_path) as url:
        token = hub.log_in("mario", await log_in(iam, "mario"), subject)
        answers = [await ask(url, token, profile) for profile in ("beyond", "storage", "edge", "beyond", "storage")]
    for status, body in (answers[0], answers[3]):
        assert (status, body["error"]) == (403, "not_granted")
    assert answers[1] == answers[4]
    storage, edge = (claims_of(body["access_token"]) for _, body in answers[1:3])
    assert storage is not None and edge is not None
    assert (storage["sub"], storage["scope"], storage["exp"]) == (
        subject,
        "storage.read:/",
        answers[1][1]["expires_at"],
    )
    assert storage["aud"] == ["https://se.test", "https://se2.test"]
    assert "wlcg.groups" not in storage
    assert (edge["aud"], edge["wlcg.groups"]) == (registry.EDGE_AUDIENCE, ["/icsc", "/icsc/admins"])
    async with proxy(iam, tmp_path) as edge_url:
        assert (await call(edge_url, answers[1][1]["access_token"]))[0] == 401, "it opens nothing else"


@contextlib.asynccontextmanager
async def token_service(iam: RealIam, hub: FakeHub, profiles: dict[str, Any], folder: Path) -> AsyncIterator[str]:
    """A token service between `hub` and the provider."""
    usual = content(folder, Authority.create(folder).server(folder), hub.url, hub.service_token, iam.issuer)
    issuer = {
        "url": iam.issuer,
        "client_id": registry.HUB,
        "client_secret_file": iam.secret_file(registry.HUB),
        "ca_file": iam.ca_file,
    }
    settings = TokenSettings.model_validate({**usual, "issuer": issuer, "profiles": profiles})
    listen, app = Listen.parse("https://127.0.0.1:0"), create_token_service(settings)
    async with serve_app(app, listen, settings.tls, drain_seconds=0.1) as bound:
        assert bound is not None
        yield f"https://127.0.0.1:{bound[1]}"


async def ask(url: str, token: str, profile: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"token {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/token", params={"profile": profile}, headers=headers, ssl=False) as reply,
    ):
        return reply.status, await reply.json()


async def log_in(iam: RealIam, user: str) -> str:
    """The refresh token of a person who logs in at the hub: authorization code with PKCE, through the real pages."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    hub = next(client for client in registry.CLIENTS if client.id == registry.HUB)
    wish = {
        "client_id": hub.id,
        "response_type": "code",
        "redirect_uri": hub.redirect_uris[0],
        "scope": hub.scope,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "s",
    }
    context = client_ssl_context(iam.ca_file)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(iam.issuer, connector=connector) as browser:
        address, code = "/authorize", None
        form: dict[str, str] | None = None
        for _ in range(10):
            method = "POST" if form else "GET"
            query = wish if address == "/authorize" else None
            async with browser.request(method, address, params=query, data=form, allow_redirects=False) as page:
                text, form = await page.text(), None
                if page.status == 200:
                    assert re.search("password", text), text
                    form = {"username": user, "password": iam.secrets.passwords[user]}
                    continue
                address = page.headers["Location"]
            if address.startswith(hub.redirect_uris[0]):
                code = parse_qs(urlsplit(address).query)["code"][0]
                break
        assert code is not None, "the log-in goes round in circles"
        answer = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        answer["redirect_uri"] = hub.redirect_uris[0]
        pair = base64.b64encode(f"{hub.id}:{iam.secrets.clients[hub.id]}".encode()).decode()
        async with browser.post("/token", data=answer, headers={"Authorization": f"Basic {pair}"}) as reply:
            return str((await reply.json())["refresh_token"])
