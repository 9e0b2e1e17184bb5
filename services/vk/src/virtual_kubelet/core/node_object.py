"""The Node object: what it should look like, and the patches that bring it there without touching what is others'.

What we set on the node is noted in an annotation, so that a label or taint that left the configuration is removed, while those
of administrators and of Kubernetes stay.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from virtual_kubelet.core.conditions import Condition, merged
from virtual_kubelet.core.connectivity import Connectivity
from virtual_kubelet.core.patch import status_patch
from virtual_kubelet.core.quantity import parse
from virtual_kubelet.model.pod import JsonObject

NO_SCHEDULE_TAINT = "virtual-node.interlink/no-schedule"
UNREACHABLE_TAINT = "virtual-node.interlink/unreachable"
MANAGED_ANNOTATION = "virtual-node.interlink/managed"
PING_ANNOTATION = "interlink.virtual-kubelet.io/ping-response"
CONNECTIVITY = "InterlinkConnectivity"
_PING_TEXT_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint; Kubernetes knows it by key and effect."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def json(self) -> JsonObject:
        return {"key": self.key, "effect": self.effect} | ({"value": self.value} if self.value else {})


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What does not change while vk runs."""

    name: str
    address: str
    port: int
    version: str
    pod_cidr: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    reserved: bool = True
    """Only for pods that tolerate the taint of virtual nodes."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What changes."""

    connectivity: Connectivity
    capacity: Mapping[str, str]
    ping_taints: Sequence[Taint] = ()
    ping_text: str = ""
    ready: bool = True


def labels(identity: NodeIdentity) -> dict[str, str]:
    """The labels of every interLink node and the configured ones."""
    return {
        "alpha.service-controller.kubernetes.io/exclude-balancer": "true",
        # not "linux": what selects ordinary Linux nodes does not come here
        "kubernetes.io/os": "virtual-kubelet",
        "kubernetes.io/hostname": identity.name,
        "kubernetes.io/role": "agent",
        "node.kubernetes.io/exclude-from-external-load-balancers": "true",
        "virtual-node.interlink/type": "virtual-kubelet",
        **identity.labels,
    }


def taints(identity: NodeIdentity, state: NodeState) -> list[Taint]:
    """The taints that are ours, each once by key and effect."""
    reserved = [Taint(NO_SCHEDULE_TAINT, "true")] if identity.reserved else []
    wanted = [*reserved, *identity.taints, *state.ping_taints]
    if state.connectivity.connected is False:
        wanted.append(Taint(UNREACHABLE_TAINT, state.connectivity.reason))
    return list({(taint.key, taint.effect): taint for taint in wanted}.values())


def new_node(identity: NodeIdentity, state: NodeState, now: str) -> JsonObject:
    """The object to register."""
    node: JsonObject = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": identity.name},
        "spec": {},
        "status": {},
    }
    meta = _metadata(node, identity, state)
    node["metadata"] |= {key: value for key, value in meta.items() if value}
    node["spec"] = {"taints": [t.json() for t in taints(identity, state)], "providerID": _provider_id(identity)}
    if identity.pod_cidr:
        node["spec"] |= {"podCIDR": identity.pod_cidr, "podCIDRs": [identity.pod_cidr]}
    node["status"] = next_status(node, identity, state, now)
    return node


def object_patch(node: JsonObject, identity: NodeIdentity, state: NodeState) -> JsonObject:
    """A strategic merge patch of metadata and spec; empty if nothing differs.

    It carries the resourceVersion when taints change: they are one list that others write too.
    """
    patch: JsonObject = {}
    changed = {
        kind: values for kind, values in _metadata(node, identity, state).items() if _differs(node, kind, values)
    }
    if changed:
        patch["metadata"] = changed
    spec = node.get("spec") or {}
    wanted = _merged_taints(node, identity, state)
    if wanted != (spec.get("taints") or []):
        patch["spec"] = {"taints": wanted}
        patch.setdefault("metadata", {})["resourceVersion"] = node["metadata"]["resourceVersion"]
    if not spec.get("providerID"):
        patch.setdefault("spec", {})["providerID"] = _provider_id(identity)
    return patch


def _provider_id(identity: NodeIdentity) -> str:
    return f"external:///{identity.name}"


def is_ours(node: JsonObject) -> bool:
    """Did a virtual kubelet of this kind write the node?"""
    return MANAGED_ANNOTATION in (node["metadata"].get("annotations") or {})


def noted_ping_taints(node: JsonObject) -> list[Taint]:
    """Those of the node's taints that a ping had asked for."""
    names = _noted(node, "ping")
    there = (node.get("spec") or {}).get("taints") or []
    return [Taint(t["key"], t.get("value", ""), t["effect"]) for t in there if (t["key"], t["effect"]) in names]


def _managed(node: JsonObject) -> JsonObject:
    text = ((node.get("metadata") or {}).get("annotations") or {}).get(MANAGED_ANNOTATION, "{}")
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _noted(node: JsonObject, which: str) -> set[tuple[str, ...]]:
    """Key and effect of the taints in one list of the note."""
    noted = _managed(node).get(which)
    return {tuple(str(name).rsplit(":", 1)) for name in noted} if isinstance(noted, list) else set()


def _names(listed: Iterable[Taint]) -> list[str]:
    return sorted(f"{taint.key}:{taint.effect}" for taint in listed)


def _metadata(node: JsonObject, identity: NodeIdentity, state: NodeState) -> dict[str, dict[str, str | None]]:
    """Labels and annotations to set; None for a label that we set once and want no more."""
    mine = labels(identity)
    before = _managed(node).get("labels")
    dropped = [name for name in before if name not in mine] if isinstance(before, list) else []
    # the unreachable taint is always ours: it needs no note, and noting it would cost a write per outage
    noted = _names(taint for taint in taints(identity, state) if taint.key != UNREACHABLE_TAINT)
    managed = json.dumps({"labels": sorted(mine), "ping": _names(state.ping_taints), "taints": noted})
    annotations: dict[str, str | None] = {
        MANAGED_ANNOTATION: managed,
        PING_ANNOTATION: state.ping_text[:_PING_TEXT_LIMIT],
        "node.alpha.kubernetes.io/ttl": "0",
    }
    return {"labels": {**mine, **dict.fromkeys(dropped)}, "annotations": annotations}


def _differs(node: JsonObject, kind: str, wanted: Mapping[str, str | None]) -> bool:
    have = node["metadata"].get(kind) or {}
    return any(have.get(name) != value for name, value in wanted.items())


def _merged_taints(node: JsonObject, identity: NodeIdentity, state: NodeState) -> list[JsonObject]:
    """Others' taints as they stand, ours as they should be; the order stays where it can."""
    wanted = {(t.key, t.effect): t.json() for t in taints(identity, state)}
    ours = _noted(node, "taints")
    merged_list: list[JsonObject] = []
    for taint in (node.get("spec") or {}).get("taints") or []:
        name = (taint["key"], taint["effect"])
        if name in wanted:
            merged_list.append(wanted.pop(name))
        elif name not in ours and taint["key"] != UNREACHABLE_TAINT:
            merged_list.append(taint)
    return merged_list + list(wanted.values())


def next_status(node: JsonObject, identity: NodeIdentity, state: NodeState, now: str) -> JsonObject:
    """The node's status, with `now` as the time of the heartbeat."""
    old = node.get("status") or {}
    status: JsonObject = dict(old)
    status["capacity"] = _as_written(old.get("capacity") or {}, state.capacity)
    status["allocatable"] = _as_written(old.get("allocatable") or {}, state.capacity)
    status["conditions"] = [
        entry | {"lastHeartbeatTime": now} if entry["type"] in _CONDITION_TYPES else entry
        for entry in merged(old.get("conditions") or [], _conditions(state), now)
    ]
    status["addresses"] = [{"type": "Hostname", "address": identity.name}]
    if identity.address:
        status["addresses"].insert(0, {"type": "InternalIP", "address": identity.address})
    status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": identity.port}}
    status["nodeInfo"] = {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": "",
        "osImage": "interLink",
        "containerRuntimeVersion": "interlink://0.6",
        "kubeletVersion": identity.version,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "virtual-kubelet",
    }
    return status


def _as_written(old: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The API server writes quantities in its own way ("3000G" as "3T"): an equal amount is no change."""
    return {
        name: old[name] if name in old and parse(old[name]) == parse(text) else text for name, text in wanted.items()
    }


_CONDITION_TYPES = frozenset(
    {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", CONNECTIVITY}
)


def _conditions(state: NodeState) -> list[Condition]:
    connectivity = state.connectivity
    if state.ready:
        ready = Condition("Ready", True, "KubeletReady", "the virtual kubelet is at work")
    else:
        ready = Condition("Ready", False, "InterlinkUnreachable", connectivity.message)
    none = "the site looks after its own machines"
    return [
        ready,
        Condition("MemoryPressure", False, "KubeletHasSufficientMemory", none),
        Condition("DiskPressure", False, "KubeletHasNoDiskPressure", none),
        Condition("PIDPressure", False, "KubeletHasSufficientPID", none),
        Condition("NetworkUnavailable", False, "VirtualNode", "jobs use the site's own network"),
        Condition(CONNECTIVITY, connectivity.connected, connectivity.reason, connectivity.message),
    ]


def node_status_patch(node: JsonObject, wanted: JsonObject) -> JsonObject:
    """The patch of the status subresource; empty if only heartbeat times differ."""
    return status_patch(_without_heartbeat(node.get("status") or {}), _without_heartbeat(wanted))


def _without_heartbeat(status: JsonObject) -> JsonObject:
    conditions = [{k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status.get("conditions") or []]
    return {**status, "conditions": conditions}
