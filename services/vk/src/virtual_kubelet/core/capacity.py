"""What the node offers: the configured amounts, overwritten by those that the plugin tells in its ping.

A value of the ping that the API server would refuse is left out by itself: with it, the whole node would be refused.
"""

from collections.abc import Mapping

from interlink.protocol.types import PingReply

from virtual_kubelet.core.names import is_countable_resource, quoted, taint_problem
from virtual_kubelet.core.node_object import Taint
from virtual_kubelet.core.quantity import parse

EFFECTS = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})
_MOST = 2**63 - 1
_LONGEST = 64  # characters; as many as any amount below the largest needs, and some


def capacity(configured: Mapping[str, str], reply: PingReply | None) -> tuple[dict[str, str], list[str]]:
    """Quantities by resource, and a sentence for each value of the ping that makes no sense and is left out."""
    amounts, problems = dict(configured), list[str]()
    if reply is None or reply.resources is None:
        return amounts, problems
    told = [("cpu", reply.resources.cpu), ("memory", reply.resources.memory), ("pods", reply.resources.pods)]
    named = [(resource, text) for resource, text in told if text]
    for accelerator in reply.resources.accelerators or []:
        if is_countable_resource(accelerator.resourceType):
            named.append((accelerator.resourceType, accelerator.available))
        else:
            problems.append(
                f"{quoted(accelerator.resourceType)} is no name for a resource: use one as vendor.example/device"
            )
    for resource, text in named:
        problem = _amount_problem(resource, text)
        if problem is None:
            amounts[resource] = text
        else:
            problems.append(f"{resource}: {problem}")
    return amounts, problems


def _amount_problem(resource: str, text: str) -> str | None:
    try:
        value = parse(text) if len(text) <= _LONGEST else None
    except ValueError as error:
        return str(error)
    if value is None or value > _MOST:
        return f"{quoted(text)} is more than Kubernetes can count"
    if value < 0:
        return f"{quoted(text)} is less than nothing"
    if resource not in ("cpu", "memory") and value != int(value):
        return f"{quoted(text)} is not a whole number"
    return None


def ping_taints(reply: PingReply | None, before: list[Taint]) -> tuple[list[Taint], list[str]]:
    """The taints that the plugin wants, and a sentence for each that can't be one.

    A reply without the key leaves them as they were, an empty list clears them.
    """
    if reply is None or reply.taints is None:
        return before, []
    wanted, problems = list[Taint](), list[str]()
    for told in reply.taints:
        problem = taint_problem(told.key, told.value)
        if problem is None and told.effect not in EFFECTS:
            problem = f"{quoted(told.effect)} is no effect of a taint ({told.key}): use {', '.join(sorted(EFFECTS))}"
        if problem is None:
            wanted.append(Taint(told.key, told.value, told.effect))
        else:
            problems.append(problem)
    return wanted, problems
