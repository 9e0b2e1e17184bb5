"""Whether policies let one pod call another: policies add up, and both ends must allow it."""

from dataclasses import dataclass

from tests.charts.navigation import of_kind, selects
from tests.charts.rendering import Object

Labels = dict[str, str]
NAMESPACE = "kubernetes.io/metadata.name"
"""Among a pod's labels it stands for those of the pod's namespace; without it that is the release's."""
RELEASE = "highrate"


@dataclass(frozen=True)
class Port:
    number: int
    name: str = ""


def allowed(objects: list[Object], source: Labels, target: Labels, port: Port) -> bool:
    leaves = _passes(objects, "Egress", source, target, port)
    return leaves and _passes(objects, "Ingress", target, source, port)


def reaches_outside(objects: list[Object], source: Labels, port: int) -> bool:
    """Whether `source` may call addresses outside of the cluster at a port."""
    rules = _rules(objects, "Egress", source)
    return rules is None or any(
        _has_port(rule, Port(port)) and ("to" not in rule or any("ipBlock" in peer for peer in rule["to"]))
        for rule in rules
    )


def _passes(objects: list[Object], direction: str, here: Labels, there: Labels, port: Port) -> bool:
    rules = _rules(objects, direction, here)
    if rules is None:
        return True
    peers = {"Ingress": "from", "Egress": "to"}[direction]
    return any(
        _has_port(rule, port) and (peers not in rule or any(_is_peer(peer, here, there) for peer in rule[peers]))
        for rule in rules
    )


def _rules(objects: list[Object], direction: str, labels: Labels) -> list[Object] | None:
    """All rules for pods with these labels; None where no policy limits them."""
    policies = [
        policy["spec"]
        for policy in of_kind(objects, "NetworkPolicy")
        if policy["metadata"].get("namespace", RELEASE) == labels.get(NAMESPACE, RELEASE)
        and selects(policy["spec"]["podSelector"].get("matchLabels", {}), labels)
        and direction in policy["spec"]["policyTypes"]
    ]
    return [rule for policy in policies for rule in policy.get(direction.lower(), [])] if policies else None


def _is_peer(peer: Object, here: Labels, there: Labels) -> bool:
    if "podSelector" not in peer:
        return False
    place = {NAMESPACE: there.get(NAMESPACE, RELEASE)}
    wanted = peer.get("namespaceSelector", {}).get("matchLabels", {NAMESPACE: here.get(NAMESPACE, RELEASE)})
    return selects(wanted, place) and selects(peer["podSelector"].get("matchLabels", {}), there)


def _has_port(rule: Object, port: Port) -> bool:
    return "ports" not in rule or any(
        each["port"] in (port.number, port.name)
        or ("endPort" in each and each["port"] <= port.number <= each["endPort"])
        for each in rule["ports"]
    )
