"""Servers from the request for one to their end, in a running hub, with a Kubernetes and a provider that do what the test says."""

import asyncio
import html
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from hub_config.spawn.homes import ANNOTATION, NEXT

from tests.fakes import kubernetes_api
from tests.fakes.kubernetes_api import Fate, KubernetesApi, finds_no_machine, runs, waits
from tests.fakes.people_iam import PeopleIam
from tests.fakes.people_iam import running as running_iam
from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import Hub, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = {"image": "base", "cores": 1, "memory": 2}
# what takes minutes at a site, in seconds
AUTHENTICATOR = {"auth_refresh_age": 1, "groups_max_age": 2}
LOGIN_COOKIE = "jupyterhub-hub-login"
SPAWNER = {"poll_interval": 1, "start_timeout": 20, "delete_grace_period": 0}


@dataclass
class Place:
    iam: PeopleIam
    kube: KubernetesApi
    hub: Hub

    async def log_in(self, person: str) -> tuple[int, str]:
        self.iam.person = person
        self.hub.browser.cookie_jar.clear()
        return await self.hub.page("hub/oauth_login", next="/hub/home")

    async def start(self, person: str, options: object = None, server: str = "") -> dict[str, Any]:
        """The pod of a server that runs."""
        await self.log_in(person)
        path = f"users/{person}/servers/{server}" if server else f"users/{person}/server"
        status, reply = await self.hub.api("POST", path, options)
        assert status in (201, 202), reply
        await self.until(lambda user: user["servers"].get(server, {}).get("ready"), person)
        return self.pod(person, server)

    async def stop(self, person: str) -> None:
        await self.hub.api("DELETE", f"users/{person}/server")
        await self.until(lambda user: "" not in user["servers"], person)

    def pod(self, person: str, server: str = "") -> dict[str, Any]:
        (found,) = [
            pod
            for pod in self.kube.pods.values()
            if pod["metadata"]["annotations"]["hub.jupyter.org/username"] == person
            and pod["metadata"]["annotations"].get("hub.jupyter.org/servername", "") == server
        ]
        return found

    async def until(self, holds: Callable[[dict[str, Any]], object], person: str) -> None:
        """Wait for something of a person, as REST shows it."""
        async with asyncio.timeout(30):
            while not holds((await self.hub.api("GET", f"users/{person}"))[1]):
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    people = {name: ["/icsc"] for name in ("mario", "peach", "toad", "yoshi", "daisy", "bowser", "wario", "luma")}
    people |= {name: ["/icsc"] for name in ("rosalina", "koopa")}
    async with running_iam(PeopleIam(groups=people)) as iam, kubernetes_api.running(KubernetesApi()) as kube:
        traits = {
            "issuer": iam.url,
            "client_id": "hub",
            "client_secret": "secret-of-the-client",
            "allowed_groups": ["/icsc"],
            **AUTHENTICATOR,
        }
        folder = tmp_path_factory.mktemp("hub")
        async with running(folder, traits, values(), kube=kube, spawner=SPAWNER) as hub:
            yield Place(iam, kube, hub)


@pytest.fixture(autouse=True)
def well(place: Place) -> Iterator[None]:
    """Each test begins with a Kubernetes and a provider without faults."""
    yield
    place.kube.fate, place.kube.refuses = runs(), None
    place.iam.token_mode = "ok"


async def test_a_start_makes_a_pod_and_a_claim_and_tells_how_it_goes(place: Place) -> None:
    await place.log_in("peach")
    place.kube.fate = finds_no_machine("0/3 nodes are available: 3 Insufficient memory.")
    form = {name: str(value) for name, value in BASE.items()}
    status, text = await place.hub.submit("hub/spawn", form)
    assert (status, "Your server is starting" in text) == (200, True)
    pulls = waits(events=[("Scheduled", "Successfully assigned"), ("Pulling", "Pulling image")])
    told = []
    async for step in place.hub.progress("peach"):
        told.append(step["message"])
        if "Fetching the image" in step["message"]:
            await place.kube.become("jupyter-peach", runs())
        elif "No machine" in step["message"]:
            await place.kube.become("jupyter-peach", pulls)
    assert "No machine has enough free memory now. Choose fewer cores or less memory, or wait." in told
    assert "A machine was found." in told
    assert "Fetching the image registry.test/lab:1: this takes minutes where it wasn't used before." in told
    assert step["ready"] is True
    assert place.pod("peach")["spec"]["containers"][0]["image"] == "registry.test/lab:1"
    assert "claim-peach" in place.kube.claims


NO_IMAGE = 'failed to resolve reference "registry.test/lab:1": not found'


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (waits("ErrImagePull", NO_IMAGE), 'There is no image "registry.test/lab:1": check its name and tag'),
        (waits("CreateContainerConfigError", "image will run as root, runAsNonRoot"), "insists on running as root"),
    ],
)
async def test_a_start_without_hope_ends_with_a_sentence_and_no_pod(place: Place, fate: Fate, words: str) -> None:
    await place.log_in("toad")
    place.kube.fate = fate
    status, reply = await place.hub.api("POST", "users/toad/server", BASE)
    assert (status, words in reply["message"]) == (503, True), reply
    assert "jupyter-toad" not in place.kube.pods
    _, text = await place.hub.page("hub/spawn-pending/toad")
    assert "The server didn't start" in text
    assert words in html.unescape(text)
    assert "Choose again" in text
    place.kube.fate = runs()
    assert await place.start("toad", BASE), "the next start begins anew"
    await place.stop("toad")


async def test_a_quota_that_is_used_up_is_told_at_once(place: Place) -> None:
    await place.log_in("toad")
    place.kube.refuses = (403, 'pods "jupyter-toad" is forbidden: exceeded quota: users, requested: pods=1')
    status, reply = await place.hub.api("POST", "users/toad/server", BASE)
    assert (status, "The platform's quota is used up (users, requested: pods=1)" in reply["message"]) == (503, True)


async def test_the_last_choice_is_remembered_and_a_refused_one_is_not(place: Place) -> None:
    await place.start("toad", BASE)
    await place.stop("toad")
    for refused in ({"image": "nothing"}, {"profile": "x"}):
        assert (await place.hub.api("POST", "users/toad/server", refused))[0] == 400
    _, text = await place.hub.page("hub/spawn")
    assert 'value="base" checked' in text
    pod = await place.start("toad")
    assert pod["spec"]["containers"][0]["image"] == "registry.test/lab:1"
    await place.stop("toad")


async def test_named_servers_share_the_home_which_outlives_the_user(place: Place) -> None:
    def home(pod: dict[str, Any]) -> list[str]:
        sources = (volume.get("persistentVolumeClaim", {}) for volume in pod["spec"]["volumes"])
        return [source["claimName"] for source in sources if source.get("claimName", "").startswith("claim-")]

    first = await place.start("yoshi", BASE)
    second = await place.start("yoshi", BASE, "second")
    assert home(first) == home(second) == ["claim-yoshi"]
    await place.hub.api("DELETE", "users/yoshi/servers/second")  # JupyterHub stops only the other one by itself
    assert (await place.hub.api("DELETE", "users/yoshi"))[0] == 204
    assert not [name for name in place.kube.pods if "yoshi" in name]
    assert "claim-yoshi" in place.kube.claims
    assert ("persistentvolumeclaims", "claim-yoshi") not in place.kube.deleted


async def test_who_gets_the_name_of_a_deleted_user_does_not_get_the_home(place: Place) -> None:
    """`cull.users` deletes users as well, who come back."""
    await place.start("luma", BASE)
    written = place.kube.claims["claim-luma"]["metadata"]["annotations"][ANNOTATION]
    assert (await place.hub.api("DELETE", "users/luma"))[0] == 204
    assert await place.start("luma", BASE), "it is still theirs"
    assert (await place.hub.api("DELETE", "users/luma"))[0] == 204
    place.iam.subjects["luma"] = "another person"
    try:
        await place.log_in("luma")
        status, reply = await place.hub.api("POST", "users/luma/server", BASE)
        assert (status, "was made for another account" in reply["message"]) == (403, True), reply
        assert "jupyter-luma" not in place.kube.pods
        assert place.kube.claims["claim-luma"]["metadata"]["annotations"][ANNOTATION] == written
        place.kube.claims["claim-luma"]["metadata"]["annotations"][ANNOTATION] = NEXT
        assert await place.start("luma", BASE), "an administrator gave it"
        assert place.kube.claims["claim-luma"]["metadata"]["annotations"][ANNOTATION] not in (NEXT, written)
    finally:
        place.iam.subjects.clear()


async def test_a_session_says_itself_that_it_is_busy(place: Place) -> None:
    """The idle culler looks at the time that this sets: work that no kernel does, a cluster's, can keep a session."""
    pod = await place.start("daisy", BASE)
    env = {entry["name"]: entry["value"] for entry in pod["spec"]["containers"][0]["env"]}
    later = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    busy = {"servers": {"": {"last_activity": later}}}
    status, reply = await place.hub.api("POST", "users/daisy/activity", busy, token=env["JUPYTERHUB_API_TOKEN"])
    assert status == 200, reply
    _, user = await place.hub.api("GET", "users/daisy")
    assert user["servers"][""]["last_activity"][:16] == later[:16]
    status, _ = await place.hub.api("POST", "users/peach/activity", busy, token=env["JUPYTERHUB_API_TOKEN"])
    assert status == 404, "not of somebody else"


async def test_a_provider_that_is_away_stops_no_server_and_logs_nobody_out(place: Place) -> None:
    await place.start("mario")
    place.iam.token_mode = "fail"
    before = len(place.iam.token_requests)
    async with asyncio.timeout(30):
        while len(place.iam.token_requests) < before + 4:  # renewals that were tried
            await asyncio.sleep(0.05)
    assert place.pod("mario")
    status, text = await place.hub.page("hub/home")
    assert (status, "mario" in text) == (200, True)


async def test_who_lost_the_group_loses_the_server_and_is_told_which_group(place: Place) -> None:
    """Userinfo repeats the groups of the token that asks, as INDIGO IAM's does: only a renewal shows it."""
    await place.start("wario", BASE)
    await place.start("bowser", BASE)
    place.iam.groups["bowser"] = ["/other"]
    await place.until(lambda user: not user["servers"], "bowser")
    assert "jupyter-bowser" not in place.kube.pods
    assert "Stopping the server of bowser" in place.hub.log.read_text()
    place.iam.person = "bowser"
    status, text = await place.hub.page("hub/home")
    assert (status, "<code>/icsc</code>" in text) == (403, True)
    assert place.pod("wario"), "others go on"
    assert "unhandled user_options" not in place.hub.log.read_text()
    place.iam.groups["bowser"] = ["/icsc"]
    assert await place.start("bowser"), "nothing is held against who is a member again"


async def test_who_has_to_log_in_again_can_log_out(place: Place) -> None:
    await place.log_in("rosalina")
    refresh_token = (await place.hub.api("GET", "users/rosalina"))[1]["auth_state"]["refresh_token"]
    place.iam.token_mode = "refuse"
    async with asyncio.timeout(30):
        while (await place.hub.page("hub/home"))[0] == 200:
            await asyncio.sleep(0.1)
    cookies = place.hub.browser.cookie_jar
    assert LOGIN_COOKIE in {cookie.key for cookie in cookies}
    assert await place.hub.page("hub/logout") == (200, "logged out of the provider")
    assert LOGIN_COOKIE not in {cookie.key for cookie in cookies}
    assert place.iam.revoked[-1:] == [refresh_token]
    _, user = await place.hub.api("GET", "users/rosalina")
    assert user["auth_state"].keys() == {"subject", "ended_at"}
    assert "User logged out: rosalina" in place.hub.log.read_text()


async def test_the_hub_hears_no_more_of_a_sessions_work_once_its_owner_is_logged_out(place: Place) -> None:
    """Why such a server counts as idle soon, whatever its kernels do (docs/configuration/hub.md)."""
    pod = await place.start("koopa", BASE)
    env = {entry["name"]: entry["value"] for entry in pod["spec"]["containers"][0]["env"]}
    busy = {"servers": {"": {"last_activity": datetime.now(UTC).isoformat()}}}
    await place.hub.page("hub/logout")
    async with asyncio.timeout(30):
        while (await place.hub.api("POST", "users/koopa/activity", busy, token=env["JUPYTERHUB_API_TOKEN"]))[0] != 403:
            await asyncio.sleep(0.1)
    status, _ = await place.hub.api("POST", "users/koopa/activity", busy)
    assert status == 200, "a service, as the Dask gateway is one, is still heard"
    assert place.pod("koopa")
