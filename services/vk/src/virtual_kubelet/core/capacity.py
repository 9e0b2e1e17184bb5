"""What the node offers: the configured amounts, overwritten by those that the plugin tells in its ping."""

from collections.abc import Mapping

from interlink.protocol.types import PingReply

from virtual_kubelet.core.node_object import Taint
from virtual_kubelet.core.quantity import parse

EFFECTS = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})


def capacity(configured: Mapping[str, str], reply: PingReply | None) -> tuple[dict[str, str], list[str]]:
    """Quantities by resource, and a sentence for each value of the ping that makes no sense and is left out."""
    amounts, problems = dict(configured), list[str]()
    for resource, text in _told(reply):
        try:
            value = parse(text)
        except ValueError as error:
            problems.append(f"{resource}: {error}")
            continue
        if value < 0:
            problems.append(f'{resource}: "{text}" is less than nothing')
        elif resource not in ("cpu", "memory") and value != int(value):
            problems.append(f'{resource}: "{text}" is not a whole number')
        else:
            amounts[resource] = text
    return amounts, problems


def _told(reply: PingReply | None) -> list[tuple[str, str]]:
    if reply is None or reply.resources is None:
        return []
    told = [("cpu", reply.resources.cpu), ("memory", reply.resources.memory), ("pods", reply.resources.pods)]
    named = [(resource, text) for resource, text in told if text]
    return named + [(a.resourceType, a.available) for a in reply.resources.accelerators or [] if a.resourceType]


def ping_taints(reply: PingReply | None, before: list[Taint]) -> list[Taint]:
    """The taints that the plugin wants; a reply without the key leaves them as they were, an empty list clears them."""
    if reply is None or reply.taints is None:
        return before
    return [Taint(t.key, t.value, t.effect) for t in reply.taints if t.key and t.effect in EFFECTS]
