"""A hub without groups, `allow_all: true`: JupyterHub asks no gate then, and logins begin and end all the same."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes import kubernetes_api
from tests.fakes.kubernetes_api import KubernetesApi
from tests.fakes.people_iam import PeopleIam
from tests.fakes.people_iam import running as running_iam
from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import Hub, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hub]:
    async with running_iam(PeopleIam(groups={})) as iam, kubernetes_api.running(KubernetesApi()) as kube:
        traits = {
            "issuer": iam.url,
            "client_id": "hub",
            "client_secret": "secret-of-the-client",
            "allow_all": True,
            "admin_users": ["mario"],  # who may see the counters
        }
        async with running(tmp_path_factory.mktemp("hub"), traits, values(), kube=kube) as made:
            yield made


async def test_who_logs_out_and_in_again_works_on(hub: Hub) -> None:
    for count in (1, 2):
        status, text = await hub.page("hub/oauth_login", next="/hub/home")
        assert (status, "mario" in text) == (200, True)
        assert await logins(hub) == count
        status, reply = await hub.api(
            "POST", f"users/mario/servers/number-{count}", {"image": "base", "cores": 1, "memory": 2}
        )
        assert status in (201, 202), reply
        status, text = await hub.page("hub/logout")
        assert (status, text) == (200, "logged out of the provider")
        status, _ = await hub.api("POST", "users/mario/servers/another", {})
        assert status == 403, "a login is needed"


async def logins(hub: Hub) -> float:
    _, text = await hub.page("hub/metrics")
    (found,) = re.findall(r'^highrate_logins_total\{outcome="allowed"\} (\S+)', text, re.MULTILINE)
    return float(found)
