"""The node object and its lease."""

import asyncio

from tests.cluster.vk.conftest import put
from tests.cluster.vk.control_plane import RESTRICTED, RESTRICTED_NODE, ControlPlane
from tests.cluster.vk.virtual_node import LEASES, VirtualNode, eventually
from tests.fakes.interlink_server import Fault

OWN_TAINT = {"key": "virtual-node.interlink/no-schedule", "value": "true", "effect": "NoSchedule"}
# put on every new node by the API server, taken away by a controller that is not here
NEW_TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


async def test_the_node_is_registered_with_all_it_needs(vk: VirtualNode) -> None:
    await vk.start(
        Resources={"CPU": 96, "Memory": "384Gi", "Accelerators": [{"ResourceType": "nvidia.com/gpu", "Available": 4}]},
        NodeLabels=["site=here"],
        NodeTaints=[{"Key": "site", "Value": "here", "Effect": "PreferNoSchedule"}],
    )
    node = await vk.node()
    assert node["metadata"]["labels"]["virtual-node.interlink/type"] == "virtual-kubelet"
    assert node["metadata"]["labels"]["site"] == "here"
    assert node["spec"]["taints"] == [
        OWN_TAINT,
        {"key": "site", "value": "here", "effect": "PreferNoSchedule"},
        NEW_TAINT,
    ]
    assert node["spec"]["providerID"] == f"external:///{vk.name}"
    assert node["status"]["capacity"] == node["status"]["allocatable"]
    assert node["status"]["capacity"]["cpu"] == "96"
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "4"
    assert node["status"]["addresses"][0] == {"type": "InternalIP", "address": "127.0.0.1"}
    assert node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] == vk.port
    assert vk.condition(node, "InterlinkConnectivity")["status"] == "True"


async def test_the_lease_is_renewed(vk: VirtualNode) -> None:
    await vk.start()
    lease = await vk.until_leased()
    assert lease["spec"]["leaseDurationSeconds"] == 40
    assert lease["metadata"]["ownerReferences"][0]["uid"] == (await vk.node())["metadata"]["uid"]


async def test_what_the_api_server_would_refuse_of_a_ping_is_left_out_and_told(vk: VirtualNode) -> None:
    """With one such value, the node would never be written again."""
    vk.site.ping = {
        "resources": {
            "cpu": "7",
            "memory": "9" * 300,
            "accelerators": [
                {"resourceType": "two words/gpu", "available": "2"},
                {"resourceType": "g", "available": "2"},
            ],
        },
        "taints": [{"key": "two words"}, {"key": "k", "value": "a/b"}, {"key": "full", "value": "very"}],
    }
    await vk.start()

    async def told() -> bool:
        node = await vk.node()
        taken = {taint["key"] for taint in node["spec"]["taints"]}
        return bool(node["status"]["capacity"]["cpu"] == "7" and "full" in taken)

    await eventually(told)
    assert {"nvidia.com/gpu", "g"}.isdisjoint((await vk.node())["status"]["capacity"])

    async def all_told() -> bool:
        events = [e for e in await vk.events(vk.name) if e["reason"] == "InterlinkPingValueIgnored"]
        return len(events) == 5

    await eventually(all_told)


async def test_the_ping_changes_capacity_and_taints_but_not_others_taints(vk: VirtualNode) -> None:
    await vk.start()
    foreign = {"key": "admin", "value": "x", "effect": "NoSchedule"}
    taints = [*(await vk.node())["spec"]["taints"], foreign]
    await vk.api.patch(
        f"/api/v1/nodes/{vk.name}", {"spec": {"taints": taints}, "metadata": {"labels": {"mine": "yes"}}}
    )
    vk.site.ping = {
        "resources": {"cpu": "7", "memory": "12Q", "accelerators": [{"resourceType": "amd.com/gpu", "available": "2"}]},
        "taints": [{"key": "full", "value": "very", "effect": "NoSchedule"}],
    }

    async def told() -> bool:
        node = await vk.node()
        return bool(node["status"]["capacity"]["cpu"] == "7" and len(node["spec"]["taints"]) == 4)

    await eventually(told)
    node = await vk.node()
    assert node["status"]["allocatable"]["amd.com/gpu"] == "2"
    assert node["status"]["allocatable"]["memory"] != "12Q"
    assert foreign in node["spec"]["taints"] and OWN_TAINT in node["spec"]["taints"]
    vk.site.ping = {"taints": []}

    async def cleared() -> bool:
        node = await vk.node()
        return (
            node["spec"]["taints"] == [OWN_TAINT, NEW_TAINT, foreign]
            and "amd.com/gpu" not in node["status"]["capacity"]
        )

    await eventually(cleared)
    assert (await vk.node())["metadata"]["labels"]["mine"] == "yes"


async def test_a_label_and_a_taint_that_left_the_configuration_go(vk: VirtualNode) -> None:
    await vk.start(NodeLabels=["old=1", "kept=1"], NodeTaints=[{"Key": "old"}])
    await vk.stop()
    await vk.start(NodeLabels=["kept=1"], NodeTaints=[])

    async def gone() -> bool:
        node = await vk.node()
        return "old" not in node["metadata"]["labels"] and node["spec"]["taints"] == [OWN_TAINT, NEW_TAINT]

    await eventually(gone)
    assert (await vk.node())["metadata"]["labels"]["kept"] == "1"


async def test_nothing_is_written_while_nothing_changes(vk: VirtualNode) -> None:
    await vk.start()

    async def settled() -> bool:
        before = (await vk.node())["metadata"]["resourceVersion"]
        pings = vk.site.calls["/pinglink"]
        while vk.site.calls["/pinglink"] < pings + 2:
            await asyncio.sleep(0.1)
        return bool((await vk.node())["metadata"]["resourceVersion"] == before)

    await eventually(settled)
    before = (await vk.node())["metadata"]["resourceVersion"]
    pings = vk.site.calls["/pinglink"]

    async def pinged() -> bool:
        return vk.site.calls["/pinglink"] >= pings + 3

    await eventually(pinged)
    assert (await vk.node())["metadata"]["resourceVersion"] == before


async def test_under_the_node_authorizer_a_pod_lives_and_the_labels_that_are_forbidden_are_left_out(
    vk: VirtualNode, plane: ControlPlane
) -> None:
    """As system:node:NAME, without a rule of its own; Secrets are readable because a pod of the node names them."""
    vk.name, vk.kubeconfig = RESTRICTED_NODE, plane.kubeconfig(RESTRICTED)
    await put(vk.api, vk.namespace, "secret", "s", {"k": "v"})
    await vk.start()
    labels = (await vk.node())["metadata"]["labels"]
    assert "kubernetes.io/role" not in labels and labels["virtual-node.interlink/type"] == "virtual-kubelet"
    await vk.create("here", volumes=[{"name": "v", "secret": {"secretName": "s"}}])
    await vk.submitted("here")
    vk.site.running()
    await vk.until("here", "Running")
    vk.site.faults["/pinglink"] = Fault(403, "no")

    async def told() -> bool:
        return bool(vk.condition(await vk.node(), "InterlinkConnectivity")["reason"] == "Forbidden")

    await eventually(told)
    await vk.delete("here")
    await vk.until_gone("here")


async def test_a_deleted_node_comes_back(vk: VirtualNode) -> None:
    await vk.start()
    first = (await vk.node())["metadata"]["uid"]
    await vk.until_leased()
    await vk.api.delete(f"/api/v1/nodes/{vk.name}", {})
    await vk.api.delete(f"{LEASES}/{vk.name}", {})  # as the garbage collector does

    async def back() -> bool:
        found = await vk.api.get("/api/v1/nodes")
        return any(n["metadata"]["name"] == vk.name and n["metadata"]["uid"] != first for n in found["items"])

    await eventually(back)
