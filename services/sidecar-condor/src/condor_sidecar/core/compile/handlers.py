"""What probes and hooks do: a command, a request, a connection, a health check, a pause."""

import re
from collections.abc import Mapping
from typing import Final

from condor_sidecar.core.compile.environment import expanded
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.supported import Check, Each, check, only, read
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.job.supervisor.request_target import target

EXEC: Final[Mapping[str, Check]] = {"command": read}
HTTP: Final[Mapping[str, Check]] = {
    "path": read,
    "port": read,
    "host": read,
    "scheme": only("HTTP", "HTTPS", why="it is neither HTTP nor HTTPS: correct it"),
    "httpHeaders": Each({"name": read, "value": read}),
}
TCP: Final[Mapping[str, Check]] = {"port": read, "host": read}
GRPC: Final[Mapping[str, Check]] = {"port": read, "service": read}
SLEEP: Final[Mapping[str, Check]] = {"seconds": read}
LARGEST_NUMBER: Final = 2**31 - 1  # Kubernetes'
HEADER_NAME: Final = re.compile(r"[-A-Za-z0-9]+")  # Kubernetes'
NOTHING: Final = job.Action("sleep")

Ports = Mapping[str, int]
"""A container's ports by their names."""


def named_ports(container: Node) -> Ports:
    """The ports that `container` has names for."""
    found = {}
    for port in container["ports"].elements():
        number = port["containerPort"].number()
        if port["name"].given and number is not None:
            found[port["name"].text()] = number
    return found


def probing(node: Node, ports: Ports, variables: Mapping[str, str]) -> job.Action:
    """What a probe does. As under a kubelet, references to `variables` in its command are replaced."""
    return _action(node, ports, variables, ("exec", "httpGet", "tcpSocket", "grpc"))


def hook(node: Node, ports: Ports) -> job.Action | None:
    """What a hook does; its command is taken word for word. None where there is no hook."""
    if not node.given:
        return None
    check(node, dict.fromkeys(("exec", "httpGet", "sleep"), read))
    return _action(node, ports, None, ("exec", "httpGet", "sleep"))


def _action(node: Node, ports: Ports, variables: Mapping[str, str] | None, kinds: tuple[str, ...]) -> job.Action:
    given = [kind for kind in kinds if node[kind].value is not None]
    if len(given) != 1:
        node.reject(f"it must do exactly one thing: give one of {', '.join(kinds)}")
        return NOTHING
    what = node[given[0]]
    match given[0]:
        case "exec":
            check(what, EXEC)
            command = what["command"].texts() if variables is None else expanded(what["command"], variables)
            return job.Action("exec", command=command)
        case "httpGet":
            return _http(what, ports)
        case "tcpSocket":
            check(what, TCP)
            return job.Action("tcp", host=what["host"].text(), port=_port(what["port"], ports))
        case "grpc":
            check(what, GRPC)
            return job.Action("grpc", port=_port(what["port"], ports), service=what["service"].text())
    check(what, SLEEP)
    return job.Action("sleep", seconds=natural(what["seconds"]))


def natural(node: Node) -> int:
    """A number that Kubernetes takes for a time or a count; 0 for none."""
    number = node.number() or 0
    if not 0 <= number <= LARGEST_NUMBER:
        node.reject(f"{number} is not between 0 and {LARGEST_NUMBER}: correct it")
        return 0
    return number


def _http(node: Node, ports: Ports) -> job.Action:
    check(node, HTTP)
    headers = [(header["name"].text(), header["value"].text()) for header in node["httpHeaders"].elements()]
    for header in node["httpHeaders"].elements():
        if not HEADER_NAME.fullmatch(header["name"].text()):
            header["name"].reject(
                f'"{header["name"].text()}" is not the name of a header: use letters, digits and hyphens'
            )
        if any(not char.isprintable() for char in header["value"].text().replace("\t", "")):
            header.reject("a header can't hold control characters: remove them")
    return job.Action(
        "http",
        host=node["host"].text(),
        port=_port(node["port"], ports),
        path=target(node["path"].text()),
        scheme=(node["scheme"].text() or "HTTP").lower(),
        headers=headers,
    )


def _port(node: Node, ports: Ports) -> int:
    """A port's number, or the one that the container gives a name to."""
    if isinstance(node.value, str):
        if node.value not in ports:
            node.reject(f'the container has no port "{node.value}": use its name in ports, or a number')
        return ports.get(node.value, 1)
    number = node.number()
    if number is None or not 1 <= number <= 65535:
        node.reject("a port is a number from 1 to 65535, or the name of one of the container's ports: correct it")
        return 1
    return number
