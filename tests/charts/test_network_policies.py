"""Who may talk to whom: every way that the services need is open, and no other."""

from collections.abc import Iterator

import pytest

from tests.charts.navigation import Workload, of_kind, one, selects, workloads
from tests.charts.rendering import VIRTUAL_NODE, WITH_MONITORS, Chart, Object, Values, merged, read_values

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
EVERYTHING = read_values(VIRTUAL_NODE / "ci" / "remote-everything-values.yaml")
CLUSTER = read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml")
DNS = {53}
API_SERVER = {443, 6443}

ADDRESSES: list[tuple[Values, set[int]]] = [
    ({"edge": {"url": "https://ce.example.org:10443"}, "token": {"issuer": "https://iam.example.org/"}}, {10443, 443}),
    ({"edge": {"url": "https://ce.example.org"}, "token": {"issuer": "https://iam.example.org:8443/"}}, {443, 8443}),
    ({"token": {"issuer": "", "tokenUrl": "https://iam.example.org:9443/token?x=1"}}, {10443, 9443}),
    ({"edge": {"url": "https://[2001:db8::1]:10444"}}, {10444, 443}),
]


@pytest.mark.parametrize(("changes", "ports"), ADDRESSES, ids=str)
def test_the_virtual_kubelet_reaches_api_server_edge_and_provider_only(
    chart: Chart, changes: Values, ports: set[int]
) -> None:
    policy = one(chart.render(merged(REMOTE, changes)), "NetworkPolicy")
    assert set(_ports(policy, "egress")) == DNS | API_SERVER | ports
    assert all("to" not in rule for rule in policy["spec"]["egress"])


def test_in_the_cluster_the_virtual_kubelet_reaches_the_edge_instead_of_the_world(chart: Chart) -> None:
    objects = chart.render(CLUSTER)
    policy = one(objects, "NetworkPolicy", "-vk")
    assert set(_ports(policy, "egress")) == DNS | API_SERVER | {"interlink"}
    (to_edge,) = [rule for rule in policy["spec"]["egress"] if "to" in rule]
    _, edge = _pods(objects)
    assert selects(to_edge["to"][0]["podSelector"]["matchLabels"], edge.labels)


def test_only_the_virtual_kubelet_calls_interlink(chart: Chart) -> None:
    objects = chart.render(CLUSTER)
    rule = one(objects, "NetworkPolicy", "-edge")["spec"]["ingress"][0]
    vk, edge = _pods(objects)
    (peer,) = rule["from"]
    assert selects(peer["podSelector"]["matchLabels"], vk.labels)
    assert not selects(peer["podSelector"]["matchLabels"], edge.labels)
    assert rule["ports"] == [{"port": "interlink", "protocol": "TCP"}]


def test_the_edge_reaches_the_collector_and_the_provider(chart: Chart) -> None:
    policy = one(chart.render(CLUSTER), "NetworkPolicy", "-edge")
    assert set(_ports(policy, "egress")) == DNS | {9618, 443}


def test_ports_of_policies_and_services_are_ports_of_their_pods(objects: list[Object]) -> None:
    for workload in workloads(objects):
        ports = {port["name"] for container in workload.containers for port in container["ports"]}
        opened: set[str] = set()
        for policy in of_kind(objects, "NetworkPolicy"):
            if selects(policy["spec"]["podSelector"]["matchLabels"], workload.labels):
                opened |= {str(port) for port in _ports(policy, "ingress")}
        assert not opened or opened == ports, workload.name
        for service in of_kind(objects, "Service"):
            if selects(service["spec"]["selector"], workload.labels):
                assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_metrics_are_open_to_the_peers_of_the_values(chart: Chart) -> None:
    policy = one(chart.render(EVERYTHING, options=WITH_MONITORS), "NetworkPolicy")
    (rule,) = [rule for rule in policy["spec"]["ingress"] if "from" in rule]
    assert rule["from"] == EVERYTHING["networkPolicy"]["metricsFrom"]
    assert EVERYTHING["networkPolicy"]["extraEgress"][0] in policy["spec"]["egress"]


def test_every_service_is_monitored(objects: list[Object], values: Values) -> None:
    monitors = of_kind(objects, "PodMonitor")
    assert bool(monitors) == values.get("metrics", {}).get("podMonitor", {}).get("enabled", False)
    for monitor in monitors:
        selected = [w for w in workloads(objects) if selects(monitor["spec"]["selector"]["matchLabels"], w.labels)]
        assert selected == workloads(objects)
        served = {p["name"] for w in selected for c in w.containers for p in c["ports"] if "metrics" in p["name"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]} == served


def _ports(policy: Object, direction: str) -> Iterator[int | str]:
    for rule in policy["spec"][direction]:
        for port in rule["ports"]:
            yield port["port"]


def _pods(objects: list[Object]) -> tuple[Workload, Workload]:
    """The virtual kubelet's and the edge's."""
    found = {workload.object["kind"]: workload for workload in workloads(objects)}
    return found["Deployment"], found["StatefulSet"]
