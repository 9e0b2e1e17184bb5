"""A container's environment, as the virtual node resolved it, and its command and arguments with references to it replaced.

One thing is left to resolve: the pod's own address, which is the worker node's. A variable that is nothing else comes with a
`fieldRef` alone; one whose value refers to such variables comes with both, and its value is to be expanded by them, once.
"""

from collections.abc import Mapping
from typing import Final

from condor_sidecar.core.compile.expansion import expand
from condor_sidecar.core.compile.node import Node
from condor_sidecar.job.supervisor.plan import OWN_ADDRESS

ADDRESS_FIELDS: Final = ("status.podIP", "status.podIPs")


def environment(container: Node) -> dict[str, str]:
    """The variables in the pod's order; of two with the same name the later counts. Values are final and are not expanded;
    where the pod's own address belongs they hold OWN_ADDRESS."""
    if container["envFrom"].given:
        container["envFrom"].reject(
            "its variables must be resolved before the pod reaches this endpoint: list them in env"
        )
    variables: dict[str, str] = {}
    own = {
        entry["name"].text(): OWN_ADDRESS
        for entry in container["env"].elements()
        if _of_own_address(entry) and not entry["value"].given
    }
    for entry in container["env"].elements():
        name = entry["name"].text()
        value = entry["value"].text()
        if _of_own_address(entry):
            value = expand(value, own) if entry["value"].given else OWN_ADDRESS
        elif entry["valueFrom"].given:
            entry["valueFrom"].reject(
                f'env "{name}" has no value yet: it must be resolved before the pod reaches this endpoint'
            )
        if not name or "=" in name:
            entry["name"].reject(
                f'"{name}" can\'t be the name of a variable: use one that is not empty and holds no "="'
            )
            continue
        variables.pop(name, None)
        variables[name] = value
    return variables


def _of_own_address(entry: Node) -> bool:
    return entry["valueFrom"]["fieldRef"]["fieldPath"].value in ADDRESS_FIELDS


def expanded(node: Node, variables: Mapping[str, str]) -> list[str]:
    """A command or an argument list."""
    return [expand(text, variables) for text in node.texts()]
