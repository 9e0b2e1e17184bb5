"""A container's environment, as the virtual node resolved it, and its command and arguments with references to it replaced."""

from collections.abc import Mapping

from condor_sidecar.core.compile.expansion import expand
from condor_sidecar.core.compile.node import Node


def environment(container: Node) -> dict[str, str]:
    """The variables in the pod's order; of two with the same name the later counts. Values are final and are not expanded."""
    if container["envFrom"].given:
        container["envFrom"].reject(
            "its variables must be resolved before the pod reaches this endpoint: list them in env"
        )
    variables: dict[str, str] = {}
    for entry in container["env"].elements():
        name = entry["name"].text()
        if entry["valueFrom"].given:
            entry["valueFrom"].reject(
                f'env "{name}" has no value yet: it must be resolved before the pod reaches this endpoint'
            )
        if not name or "=" in name:
            entry["name"].reject(
                f'"{name}" can\'t be the name of a variable: use one that is not empty and holds no "="'
            )
            continue
        variables.pop(name, None)
        variables[name] = entry["value"].text()
    return variables


def expanded(node: Node, variables: Mapping[str, str]) -> list[str]:
    """A command or an argument list."""
    return [expand(text, variables) for text in node.texts()]
