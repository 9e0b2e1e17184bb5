"""The node object and what patches make of it."""

from dataclasses import replace

import pytest
from interlink.protocol.types import Accelerator, PingReply, PingResources, PingTaint
from virtual_kubelet.core.capacity import capacity, ping_taints
from virtual_kubelet.core.connectivity import CONNECTED, Connectivity
from virtual_kubelet.core.node_object import (
    MANAGED_ANNOTATION,
    UNREACHABLE_TAINT,
    NodeIdentity,
    NodeState,
    Taint,
    new_node,
    next_status,
    node_status_patch,
    object_patch,
    taints,
)

from tests.unit.vk.pods import Json

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"
IDENTITY = NodeIdentity("site", "10.0.0.1", 10250, "v1.34.0", labels={"own": "1"}, taints=[Taint("own", "t")])
STATE = NodeState(CONNECTED, {"cpu": "100", "memory": "3000G", "pods": "10"})
AWAY = replace(STATE, connectivity=Connectivity(False, "Unreachable", "nobody answers", 2))


def registered(state: NodeState = STATE) -> Json:
    node = new_node(IDENTITY, state, NOW)
    node["metadata"]["resourceVersion"] = "7"
    return node


def test_nothing_is_patched_after_registration() -> None:
    assert object_patch(registered(), IDENTITY, STATE) == {}
    assert node_status_patch(registered(), next_status(registered(), IDENTITY, STATE, LATER)) == {}


def test_the_api_server_s_way_to_write_quantities_is_no_change() -> None:
    node = registered()
    node["status"]["capacity"] = {"cpu": "100", "memory": "3T", "pods": "10"}
    patch = node_status_patch(node, next_status(node, IDENTITY, STATE, LATER))
    assert "capacity" not in patch


def test_a_heartbeat_keeps_transition_times() -> None:
    status = next_status(registered(), IDENTITY, STATE, LATER)
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert (ready["lastTransitionTime"], ready["lastHeartbeatTime"]) == (NOW, LATER)


def test_an_outage_changes_one_condition_and_adds_one_taint() -> None:
    node = registered()
    (changed,) = node_status_patch(node, next_status(node, IDENTITY, AWAY, LATER))["conditions"]
    assert (changed["type"], changed["status"], changed["lastTransitionTime"]) == (
        "InterlinkConnectivity",
        "False",
        LATER,
    )
    patch = object_patch(node, IDENTITY, AWAY)
    assert {"key": UNREACHABLE_TAINT, "value": "Unreachable", "effect": "NoSchedule"} in patch["spec"]["taints"]
    assert patch["metadata"] == {"resourceVersion": "7"}


def test_the_outage_s_taint_goes_with_the_outage() -> None:
    patch = object_patch(registered(AWAY), IDENTITY, STATE)
    assert all(taint["key"] != UNREACHABLE_TAINT for taint in patch["spec"]["taints"])


def test_others_taints_stay_where_they_are() -> None:
    node = registered()
    foreign = [
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        {"key": "own", "effect": "NoExecute"},
    ]
    node["spec"]["taints"] = [foreign[0], *node["spec"]["taints"], foreign[1]]
    wanted = object_patch(node, IDENTITY, replace(STATE, ping_taints=[Taint("full")]))["spec"]["taints"]
    assert wanted[0] == foreign[0] and foreign[1] in wanted and wanted[-1]["key"] == "full"


def test_what_we_set_and_want_no_more_is_removed() -> None:
    slimmer = replace(IDENTITY, labels={}, taints=[])
    patch = object_patch(registered(), slimmer, STATE)
    assert patch["metadata"]["labels"]["own"] is None
    assert [t["key"] for t in patch["spec"]["taints"]] == ["virtual-node.interlink/no-schedule"]


def test_a_node_for_every_pod_loses_its_taint_and_keeps_the_others() -> None:
    patch = object_patch(registered(), replace(IDENTITY, reserved=False), STATE)
    assert [t["key"] for t in patch["spec"]["taints"]] == [t.key for t in IDENTITY.taints]


@pytest.mark.parametrize("note", ["no json", "[]", '{"labels": 3, "taints": "x"}'])
def test_a_spoilt_note_harms_nothing(note: str) -> None:
    node = registered()
    node["metadata"]["annotations"][MANAGED_ANNOTATION] = note
    patch = object_patch(node, IDENTITY, STATE)
    assert patch["metadata"]["annotations"][MANAGED_ANNOTATION] != note
    assert "spec" not in patch


def test_a_taint_is_there_once() -> None:
    doubled = replace(STATE, ping_taints=[Taint("own", "other")])
    assert [(t.key, t.value) for t in taints(IDENTITY, doubled) if t.key == "own"] == [("own", "other")]


def test_not_ready_says_why() -> None:
    status = next_status(registered(), IDENTITY, replace(AWAY, ready=False), LATER)
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["message"]) == ("False", "nobody answers")


def reply(**resources: str | None) -> PingReply:
    gpu = [Accelerator("nvidia.com/gpu", resources.pop("gpu") or "")] if "gpu" in resources else None
    return PingReply("ok", PingResources(**resources, accelerators=gpu), None)


@pytest.mark.parametrize(
    ("said", "expected", "problems"),
    [
        (None, {"cpu": "1", "pods": "5"}, 0),
        (reply(cpu="7.5", gpu="2"), {"cpu": "7.5", "pods": "5", "nvidia.com/gpu": "2"}, 0),
        (reply(cpu="many", pods="9"), {"cpu": "1", "pods": "9"}, 1),
        (reply(cpu="-1", pods="1.5", gpu="x"), {"cpu": "1", "pods": "5"}, 3),
        (reply(memory=""), {"cpu": "1", "pods": "5"}, 0),
    ],
)
def test_the_ping_overwrites_what_makes_sense(said: PingReply | None, expected: Json, problems: int) -> None:
    amounts, found = capacity({"cpu": "1", "pods": "5"}, said)
    assert amounts == expected
    assert len(found) == problems


REFUSED_RESOURCES = """
gpu cpu nvidia.com/ /gpu a/b/c Nvidia.com/gpu é.com/gpu kubernetes.io/gpu x.kubernetes.io/gpu requests.nvidia.com/gpu
"""


@pytest.mark.parametrize(
    "name", [*REFUSED_RESOURCES.split(), "", "a b.com/gpu", f"a.com/{'g' * 64}", f"{'d' * 63}.{'e' * 185}/gpu"]
)
def test_a_resource_that_the_api_server_would_refuse_is_left_out_alone(name: str) -> None:
    told = PingReply("ok", PingResources(cpu="3", accelerators=[Accelerator(name, "1"), Accelerator("a.com/b", "2")]))
    amounts, problems = capacity({"cpu": "1"}, told)
    assert amounts == {"cpu": "3", "a.com/b": "2"}
    assert len(problems) == 1 and "is no name for a resource" in problems[0]


@pytest.mark.parametrize("amount", ["1e999", "9" * 4000, str(2**63), "9Ei"])
def test_an_amount_beyond_what_kubernetes_can_count_is_left_out(amount: str) -> None:
    amounts, (problem,) = capacity({"memory": "1Gi"}, reply(memory=amount))
    assert amounts == {"memory": "1Gi"}
    assert problem.startswith("memory: ") and len(problem) < 250


def test_taints_of_the_ping() -> None:
    before = [Taint("old")]
    assert ping_taints(PingReply("ok"), before) == (before, [])
    assert ping_taints(PingReply("ok", taints=[]), before) == ([], [])
    told = [PingTaint("a.b/new", "v", "NoExecute"), PingTaint("bad", "", "Sometimes"), PingTaint("")]
    told += [PingTaint("two words"), PingTaint("k", "no/slash"), PingTaint("k" * 64), PingTaint("k", "v" * 64)]
    taken, problems = ping_taints(PingReply("ok", taints=told), before)
    assert taken == [Taint("a.b/new", "v", "NoExecute")]
    assert len(problems) == 6
    assert '"Sometimes" is no effect' in problems[0] and '"two words" is no key' in problems[2]
