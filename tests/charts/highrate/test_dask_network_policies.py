"""Who may talk to whom in Dask, all policies taken together, with clusters in a namespace of their own, and in the release's."""

import pytest
from offload_backend.core import names, places

from tests.charts.highrate.connections import NAMESPACE, Labels, Port, allowed, reaches_outside
from tests.charts.highrate.keys_given import ALL_KEYS, DASK_KEYS
from tests.charts.navigation import one, workloads
from tests.charts.rendering import HIGHRATE, Chart, Object, Values, merged, read_values

from .test_network_policies import HUB, NOTEBOOK, STRANGER, USER

TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), ALL_KEYS)
# Without sites, whose workers can't be in the release's namespace.
TOGETHER: Values = {**TWO_SITES, "dask": {"relay": TWO_SITES["dask"]["relay"], **DASK_KEYS["dask"]}}
GATEWAY, PROXY, RELAY = Port(8001, "gateway"), Port(8000, "proxy"), Port(8443, "relay")
SCHEDULER, DASHBOARD, API = (Port(number) for number in (places.SCHEDULER_PORT, places.DASHBOARD_PORT, places.API_PORT))
CHANCE = Port(40_123)
"""Where a worker listens for its neighbours."""

WAYS = [
    ("user", "dask-proxy", PROXY, True),
    ("dask-proxy", "dask-gateway", GATEWAY, True),
    ("dask-proxy", "scheduler", SCHEDULER, True),
    ("dask-proxy", "scheduler", DASHBOARD, True),
    ("dask-gateway", "hub", HUB, True),
    ("dask-gateway", "scheduler", API, True),
    ("scheduler", "dask-gateway", GATEWAY, True),
    ("scheduler", "worker", CHANCE, True),
    ("worker", "scheduler", SCHEDULER, True),
    ("worker", "scheduler", CHANCE, True),
    ("worker", "worker", CHANCE, True),
    ("scheduler", "scheduler", SCHEDULER, True),
    ("scheduler", "relay", RELAY, True),
    ("worker", "relay", RELAY, True),
    # `highrate doctor` asks if it answers
    ("user", "relay", RELAY, True),
    ("user", "dask-gateway", GATEWAY, False),
    ("user", "scheduler", SCHEDULER, False),
    ("user", "scheduler", DASHBOARD, False),
    ("user", "worker", CHANCE, False),
    ("hub", "dask-gateway", GATEWAY, False),
    ("dask-proxy", "scheduler", API, False),
    ("dask-proxy", "worker", CHANCE, False),
    ("dask-proxy", "hub", HUB, False),
    ("dask-gateway", "worker", CHANCE, False),
    ("dask-gateway", "relay", RELAY, False),
    ("relay", "scheduler", SCHEDULER, False),
    ("relay", "dask-gateway", GATEWAY, False),
    ("worker", "scheduler", DASHBOARD, False),
    ("worker", "scheduler", API, False),
    ("scheduler", "scheduler", DASHBOARD, False),
    ("scheduler", "scheduler", API, False),
    ("worker", "dask-gateway", GATEWAY, False),
    ("worker", "dask-proxy", PROXY, False),
    ("worker", "hub", HUB, False),
    ("worker", "user", NOTEBOOK, False),
    ("worker", "tokens", Port(8443, "https"), False),
    ("stranger", "dask-proxy", PROXY, False),
    ("stranger", "dask-gateway", GATEWAY, False),
    ("stranger", "scheduler", SCHEDULER, False),
    ("neighbour", "scheduler", SCHEDULER, False),
    ("neighbour", "worker", CHANCE, False),
]


@pytest.fixture(scope="module", params=[TWO_SITES, TOGETHER], ids=["apart", "together"])
def release(chart: Chart, request: pytest.FixtureRequest) -> list[Object]:
    return chart.render(request.param)


@pytest.mark.parametrize(("source", "target", "port", "open_"), WAYS, ids=str)
def test_the_ways_that_are_needed_are_open_and_no_others(
    release: list[Object], source: str, target: str, port: Port, open_: bool
) -> None:
    pods = _pods(release)
    assert allowed(release, pods[source], pods[target], port) is open_


def test_jobs_reach_the_relay_from_outside_of_the_cluster(release: list[Object]) -> None:
    """No selector names them: the rule for the port has no peers."""
    (open_to_all,) = [
        rule
        for rule in one(release, "NetworkPolicy", "relay")["spec"]["ingress"]
        if "from" not in rule and {"port": "relay", "protocol": "TCP"} in rule["ports"]
    ]
    assert open_to_all


def test_workers_reach_what_sessions_reach(chart: Chart) -> None:
    site = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 1094}]}
    closed = {"egressAllowRules": {"nonPrivateIPs": False}, "egress": [site]}
    for policy, ports in (({}, {443, 1094, 8000}), (closed, {443, 1094}), ({"enabled": False}, {443, 1094, 8000})):
        values = merged(TWO_SITES, {"jupyterhub": {"singleuser": {"networkPolicy": policy}}})
        objects = chart.render(values)
        found = {port for port in (443, 1094, 8000) if reaches_outside(objects, _pods(objects)["worker"], port)}
        assert found == ports, policy


def test_a_database_elsewhere_is_reached_at_its_port(chart: Chart) -> None:
    assert not _reaches(chart, {}, 6432)
    assert _reaches(chart, {"existingSecret": "postgres", "port": 6432}, 6432)


def test_pods_reach_each_member_of_the_relay_at_its_address(chart: Chart) -> None:
    relay = {
        "url": "https://node.example.org:3044{member}",
        "existingTlsSecret": "relay-tls",
        "service": {"type": "NodePort", "nodePorts": [30440, 30441]},
    }
    objects = chart.render(merged(TWO_SITES, {"dask": {"relay": relay}}))
    assert reaches_outside(objects, _pods(objects)["scheduler"], 30440)
    assert reaches_outside(objects, _pods(objects)["worker"], 30441)


def test_the_relay_opens_no_addresses_outside_to_sessions(chart: Chart) -> None:
    """At its port the internal networks are, and the API server, which Zero to JupyterHub closes."""
    closed = {"egressAllowRules": {"nonPrivateIPs": False, "privateIPs": False}}
    objects = chart.render(merged(TWO_SITES, {"jupyterhub": {"singleuser": {"networkPolicy": closed}}}))
    assert not reaches_outside(objects, USER, 443)


def _reaches(chart: Chart, database: Values, port: int) -> bool:
    objects = chart.render(merged(TWO_SITES, {"dask": {"database": database}}))
    return reaches_outside(objects, _pods(objects)["dask-gateway"], port)


def _pods(objects: list[Object]) -> dict[str, Labels]:
    """Labels of pods by the short names of their workloads, and of those that the gateway makes; with their namespace."""
    found = {w.object["metadata"]["name"].removeprefix("site-one-"): w.labels for w in workloads(objects)}
    policy = next(p for p in objects if p["kind"] == "NetworkPolicy" and p["metadata"]["name"].endswith("dask-worker"))
    place = {NAMESPACE: policy["metadata"]["namespace"]}
    instance = policy["spec"]["podSelector"]["matchLabels"][names.INSTANCE_LABEL]
    for role in ("scheduler", "worker"):
        found[role] = {**names.labels(instance, "a-cluster", f"dask-{role}"), **place}
    return {**found, "user": USER, "stranger": STRANGER, "neighbour": {**STRANGER, **place}}
