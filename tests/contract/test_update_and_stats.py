"""Updates of running pods and what they use, through the API server: announced by the plugin, passed on, answered in its words."""

import msgspec
import pytest
from condor_sidecar.core.compile.update import Update, compile_update
from condor_sidecar.core.policy import Policy
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import LostTrack, NotNow
from interlink.protocol.features import FEATURES_HEADER
from interlink.protocol.types import CreateRequest, RetrievedPodData
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectName, ObjectStore
from virtual_kubelet.core.refresh import update_request

from tests.contract.conftest import Chain
from tests.contract.messages import UID, pod


def request() -> CreateRequest:
    spec = {
        "volumes": [{"name": "v", "configMap": {"name": "web"}}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "v"}]}],
    }
    return CreateRequest(pod={**pod(), "spec": spec}, configmaps=[{"metadata": {"name": "web"}, "data": {"a": "b"}}])


async def test_an_update_has_its_objects_sorted_to_containers_as_a_create(chain: Chain) -> None:
    async with InterlinkClient(chain.url) as client:
        await client.update(request())
    (call,) = chain.plugin.calls
    assert (call.method, call.path) == ("POST", "/update")
    assert call.body["pod"]["metadata"]["uid"] == UID
    assert call.body["container"][0]["configMaps"][0]["data"] == {"a": "b"}
    assert call.headers["InterLink-Http-Session"].startswith("UpdatePod#")


async def test_a_pod_with_a_claim_is_updated_from_the_virtual_kubelet_to_the_site_s_policy(chain: Chain) -> None:
    """The claim was looked up when the pod was made: an update neither asks for it nor needs the site's table."""
    volumes = [
        {"name": "v", "configMap": {"name": "web"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "c"}},
    ]
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "data", "mountPath": "/data"}]
    running = pod(volumes=volumes, containers=[{"name": "c", "image": "img", "volumeMounts": mounts}])
    web = {"metadata": {"name": "web"}, "data": {"a": "b"}}
    store = ObjectStore("default", {ObjectName("configmap", "web"): web})
    async with InterlinkClient(chain.url) as client:
        await client.update(update_request(running, store, NodeFacts("vk", "10.0.0.9"), Translation()))
    received = msgspec.convert(chain.plugin.calls[0].body, RetrievedPodData)
    made = compile_update(received, Policy(), wall_seconds=0, grace_seconds=30)
    assert made == Update({"v": {"a": (0o644, b"b")}}, None)


async def test_claims_and_credentials_reach_the_plugin(chain: Chain) -> None:
    """With an update as with a create."""
    claims, secrets = [{"volume": "v", "claim": "data"}], [{"metadata": {"name": "login"}, "data": {"k": "eA=="}}]
    whole = msgspec.structs.replace(request(), claims=claims, pullSecrets=secrets)
    async with InterlinkClient(chain.url) as client:
        await client.create(whole)
        await client.update(whole)
        await client.update(request())
    created, updated, without = chain.plugin.calls
    for call in (created, updated):
        assert (call.body["claims"], call.body["pullSecrets"]) == (claims, secrets)
    assert without.body.keys() == {"pod", "container"}


async def test_an_update_has_what_ephemeral_containers_mount(chain: Chain) -> None:
    wanted = request()
    wanted.pod["spec"]["ephemeralContainers"] = [{"name": "d", "volumeMounts": [{"name": "v"}]}]
    async with InterlinkClient(chain.url) as client:
        await client.update(wanted)
        await client.create(wanted)
    updated, created = chain.plugin.calls
    assert [entry["name"] for entry in updated.body["container"]] == ["c", "d"]
    assert updated.body["container"][1]["configMaps"][0]["data"] == {"a": "b"}
    assert [entry["name"] for entry in created.body["container"]] == ["c"], "as the Go server sends it"


@pytest.mark.parametrize(("status", "kind"), [(501, LostTrack), (503, NotNow), (404, NotNow)])
async def test_why_an_update_can_t_be_done_comes_back(chain: Chain, status: int, kind: type[Exception]) -> None:
    chain.plugin.replies["/update"] = lambda _: (status, "the plugin's words", {})
    async with InterlinkClient(chain.url) as client:
        with pytest.raises(kind, match="the plugin's words") as caught:
            await client.update(request())
    assert getattr(caught.value, "http_status", None) == status


async def test_usage_is_passed_on(chain: Chain) -> None:
    used = {"name": "c", "cpuNanoCores": 1, "cpuNanoSeconds": 2, "memoryBytes": 3, "rootfsBytes": 4}
    told = {"UID": UID, "time": "2026-01-01T00:00:00Z", "started": "2026-01-01T00:00:00Z", "containers": [used]}
    chain.plugin.replies["/stats"] = lambda _: (200, [told], {})
    async with InterlinkClient(chain.url) as client:
        (usage,) = await client.stats("node")
    assert (usage.UID, usage.containers[0].memoryBytes) == (UID, 3)
    assert chain.plugin.calls[0].path == "/stats?node=node"


async def test_usage_is_of_one_node(chain: Chain) -> None:
    async with chain.client.request("GET", "/stats") as response:
        assert response.status == 400
    assert chain.plugin.calls == []


async def test_both_are_announced_only_by_a_plugin_that_can(chain: Chain) -> None:
    for announced in ({"update", "stats"}, set[str]()):
        headers = {FEATURES_HEADER: ", ".join(announced)}
        chain.plugin.replies["/status"] = lambda _, headers=headers: (200, {"status": "ok"}, headers)  # type: ignore[misc]
        async with InterlinkClient(chain.url) as client:
            assert (await client.ping()).features == announced
