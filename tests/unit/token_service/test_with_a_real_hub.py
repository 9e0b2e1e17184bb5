"""A JupyterHub process with our configuration says who calls and holds the logins; only the provider is a fake."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from service_runtime.listen import Listen, serve_app
from token_service.app import create_app
from token_service.model.settings import Settings

from tests.fakes.certificates import Authority
from tests.fakes.people_iam import PeopleIam
from tests.fakes.people_iam import running as running_iam
from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import SERVICE_TOKEN, Hub
from tests.unit.hub_config.running_hub import running as running_hub
from tests.unit.token_service.conftest import content

# what JupyterHub's role "server" has; the pod's JUPYTERHUB_API_TOKEN is such a token
SERVER_SCOPES = ["users:activity!user", "access:servers!server={name}/"]


@dataclass
class Platform:
    iam: PeopleIam
    hub: Hub
    url: str
    session: aiohttp.ClientSession

    async def log_in(self, person: str, *scopes: str) -> str:
        """Log in by the hub's pages; gives a token of the person's with `scopes`, else that of a server."""
        self.iam.person = person
        self.hub.browser.cookie_jar.clear()
        assert (await self.hub.page("hub/oauth_login", next="/hub/spawn"))[0] == 200
        wanted = list(scopes) or [scope.format(name=person) for scope in SERVER_SCOPES]
        status, made = await self.hub.api("POST", f"users/{person}/tokens", {"scopes": wanted})
        assert status == 201, made
        return str(made["token"])

    async def whose(self, access_token: str) -> str:
        headers = {"Authorization": f"Bearer {access_token}"}
        async with self.session.get(f"{self.iam.url}userinfo", headers=headers) as reply:
            return str((await reply.json())["preferred_username"])

    async def token(self, token: str, profile: str = "storage") -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"token {token}"}
        address = f"{self.url}/v1/token"
        async with self.session.get(address, params={"profile": profile}, headers=headers, ssl=False) as reply:
            return reply.status, await reply.json()


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    tls = Authority.create(tmp_path).server(tmp_path)
    groups = {"mario": ["/icsc"], "peach": ["/icsc"]}
    async with running_iam(PeopleIam(groups=groups, rotates=False)) as iam:
        traits = {
            "issuer": iam.url,
            "client_id": "hub",
            "client_secret": "secret-of-the-client",
            "allowed_groups": ["/icsc"],
            # every call has the hub look at the login, as it does every few minutes in earnest
            "auth_refresh_age": 1,
            "groups_max_age": 0,
        }
        async with running_hub(tmp_path, traits, values()) as hub:
            whole = content(tmp_path, tls, f"{hub.url}hub/api", SERVICE_TOKEN, iam.url)
            settings = Settings.model_validate(whole)
            listen = Listen.parse("https://127.0.0.1:0")
            async with (
                serve_app(create_app(settings), listen, settings.tls, drain_seconds=0.1) as bound,
                aiohttp.ClientSession() as session,
            ):
                assert bound is not None
                yield Platform(iam, hub, f"https://127.0.0.1:{bound[1]}", session)


async def test_two_people_their_tokens_and_the_ends_of_their_logins(platform: Platform) -> None:
    """One hub for all of it: starting one takes seconds."""
    mario, peach = await platform.log_in("mario"), await platform.log_in("peach")
    got = {name: await platform.token(token) for name, token in (("mario", mario), ("peach", peach))}
    for name, (status, body) in got.items():
        assert (status, body["scope"]) == (200, "openid storage.read:/ storage.modify:/"), name
        assert (await platform.whose(body["access_token"])) == name
    asked = platform.iam.token_requests[-1]
    assert (asked["scope"], asked["audience"]) == (got["peach"][1]["scope"], got["peach"][1]["audience"])
    assert (await platform.token(mario))[1] == got["mario"][1], "kept, though the hub has renewed the login meanwhile"

    visit = await platform.log_in("mario", "access:servers!server=mario/")
    assert await _code(platform, visit) == (401, "not_a_users_server")
    assert await _code(platform, SERVICE_TOKEN) == (401, "not_a_users_server")
    assert await _code(platform, "0123456789abcdef") == (401, "hub_token_refused")

    platform.iam.groups["mario"] = []
    await _until(platform, mario, (401, "hub_token_refused"))
    assert (await platform.token(peach))[0] == 200
    await _log_out(platform, "peach")
    assert (await _code(platform, peach))[0] in (401, 403)
    assert (await platform.token(await platform.log_in("peach")))[0] == 200, "who logs in again is served again"


async def _code(platform: Platform, token: str) -> tuple[int, str]:
    status, body = await platform.token(token)
    return status, body["error"]


async def _until(platform: Platform, token: str, expected: tuple[int, str]) -> None:
    """The hub looks at a login once a second here."""
    async with asyncio.timeout(20):
        while (answer := await platform.token(token))[0] == 200:
            await asyncio.sleep(0.2)
    assert (answer[0], answer[1]["error"]) == expected


async def _log_out(platform: Platform, person: str) -> None:
    platform.iam.person = person
    platform.hub.browser.cookie_jar.clear()
    await platform.hub.page("hub/oauth_login", next="/hub/spawn")
    assert (await platform.hub.page("hub/logout"))[0] == 200
