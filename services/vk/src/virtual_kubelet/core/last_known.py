"""What the node tells of the site from before this process: it stands until the site is heard, as in any outage."""

from collections.abc import Mapping
from typing import NamedTuple

from virtual_kubelet.core.connectivity import Connectivity
from virtual_kubelet.core.node_object import CONNECTIVITY, PING_ANNOTATION, NodeState, is_ours, noted_ping_taints
from virtual_kubelet.core.timestamp import unix_time
from virtual_kubelet.model.pod import JsonObject


class LastKnown(NamedTuple):
    """`away_since` is the Unix time at which an outage began that has not ended; None: there was none."""

    state: NodeState
    away_since: float | None = None


def last_known(node: JsonObject | None, configured: Mapping[str, str]) -> LastKnown:
    """From the node as the API server shows it; of a node that is none of ours, or is not there, nothing is known."""
    if node is None or not is_ours(node):
        return LastKnown(NodeState(Connectivity(), configured))
    status = node.get("status") or {}
    told: JsonObject = next((c for c in status.get("conditions") or [] if c.get("type") == CONNECTIVITY), {})
    connected = {"True": True, "False": False}.get(told.get("status", ""))
    state = NodeState(
        Connectivity()
        if connected is None
        else Connectivity(connected, told.get("reason", ""), told.get("message", "")),
        status.get("capacity") or configured,
        noted_ping_taints(node),
        node["metadata"]["annotations"].get(PING_ANNOTATION, ""),
    )
    return LastKnown(state, unix_time(told.get("lastTransitionTime")) if connected is False else None)
