"""What the fake hub of the other tests is believed for: a JupyterHub process answers and takes what the gateway says."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from offload_backend.core.caller import Caller
from offload_backend.io.callers import Callers
from offload_backend.io.hub import Hub
from offload_backend.model.refusal import CallerRefused

from tests.fakes.people_iam import PeopleIam
from tests.fakes.people_iam import running as running_iam
from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import SERVICE_TOKEN
from tests.unit.hub_config.running_hub import running as running_hub

IAM = {"issuer": "https://127.0.0.1:9/", "client_id": "hub", "client_secret": "secret", "allowed_groups": ["/icsc"]}


async def test_a_hub_says_who_has_servers_and_takes_the_time_of_activity(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(SERVICE_TOKEN)
    async with running_hub(tmp_path, IAM, values()) as real:
        asked = Hub(f"{real.url}hub/api", token)
        async with asked.client:
            assert await asked.servers("anna") == [], "whom nobody knows"
            assert (await real.api("POST", "users/anna"))[0] == 201
            assert await asked.servers("anna") == []
            now = datetime.now(UTC) + timedelta(seconds=30)
            await asked.keep_active("anna", [], now)
            _, anna = await real.api("GET", "users/anna")
            assert abs(datetime.fromisoformat(anna["last_activity"]) - now) < timedelta(seconds=1)


async def test_a_hub_tells_servers_from_visits_until_the_login_ends(tmp_path: Path) -> None:
    async with running_iam(PeopleIam(groups={"mario": ["/icsc"]}, rotates=False)) as iam:
        # the hub looks at the login at every call, as it does every few minutes in earnest
        login = {**IAM, "issuer": iam.url, "auth_refresh_age": 1, "groups_max_age": 0}
        async with running_hub(tmp_path, login, values()) as real:
            iam.person = "mario"
            assert (await real.page("hub/oauth_login", next="/hub/spawn"))[0] == 200

            async def token(*scopes: str) -> str:
                status, made = await real.api("POST", "users/mario/tokens", {"scopes": scopes})
                assert status == 201, made
                return str(made["token"])

            # what JupyterHub's role "server" has
            server = await token("users:activity!user", "access:servers!server=mario/")
            visit = await token("access:servers!server=mario/")
            asked = Callers(f"{real.url}hub/api")
            async with asked.client:
                assert await asked.whose(server) == Caller("mario", frozenset({"/icsc"}))
                with pytest.raises(CallerRefused, match="made for a visit"):
                    await asked.whose(visit)
                with pytest.raises(CallerRefused, match="is not a user's"):
                    await asked.whose(SERVICE_TOKEN)
                with pytest.raises(CallerRefused, match="doesn't know this session any more"):
                    await asked.whose("0123456789abcdef")
                iam.groups["mario"] = []
                with pytest.raises(CallerRefused, match="log in to the hub again"):
                    async with asyncio.timeout(20):
                        while await asked.whose(server):
                            await asyncio.sleep(0.2)
