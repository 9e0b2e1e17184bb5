"""Who may talk to whom, all policies of a release taken together: every way that is needed is open, and no other."""

import pytest

from tests.charts.highrate.connections import Labels, Port, allowed, reaches_outside
from tests.charts.highrate.keys_given import ALL_KEYS
from tests.charts.navigation import workloads
from tests.charts.rendering import HIGHRATE, Chart, Object, merged, read_values

MINIMAL = read_values(HIGHRATE / "ci" / "minimal-values.yaml")
TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), ALL_KEYS)
# As KubeSpawner labels them; test_hub_configuration has the real ones.
USER: Labels = {
    "app": "jupyterhub",
    "component": "singleuser-server",
    "release": "site-one",
    "hub.jupyter.org/network-access-hub": "true",
}
STRANGER: Labels = {"app": "another"}
HUB, TOKENS, NOTEBOOK = Port(8081, "http"), Port(8443, "https"), Port(8888, "notebook-port")
PROXY_API, TOKEN_METRICS = Port(8001, "api"), Port(9106, "metrics")

WAYS = [
    ("user", "hub", HUB, True),
    ("user", "tokens", TOKENS, True),
    ("tokens", "hub", HUB, True),
    ("proxy", "hub", HUB, True),
    ("hub", "proxy", PROXY_API, True),
    ("hub", "user", NOTEBOOK, True),
    ("proxy", "user", NOTEBOOK, True),
    ("user", "user", NOTEBOOK, False),
    ("user", "proxy", PROXY_API, False),
    ("user", "schedd-edge", Port(8443, "interlink"), False),
    ("user", "schedd-vk", Port(10250, "kubelet"), False),
    ("tokens", "user", NOTEBOOK, False),
    ("tokens", "tokens", TOKENS, False),
    ("hub", "tokens", TOKENS, False),
    ("schedd-vk", "tokens", TOKENS, False),
    ("stranger", "tokens", TOKENS, False),
    ("stranger", "hub", Port(9999), False),
    ("stranger", "user", NOTEBOOK, False),
    ("stranger", "schedd-edge", Port(8443, "interlink"), False),
    ("schedd-vk", "schedd-edge", Port(8443, "interlink"), True),
    # jobs of the site, through an ingress or not: no selector names them
    ("stranger", "schedd-edge", Port(8444, "channel"), True),
]


@pytest.fixture(scope="module")
def release(chart: Chart) -> list[Object]:
    return chart.render(TWO_SITES)


@pytest.mark.parametrize(("source", "target", "port", "open_"), WAYS, ids=str)
def test_the_ways_that_are_needed_are_open_and_no_others(
    release: list[Object], source: str, target: str, port: Port, open_: bool
) -> None:
    pods = _pods(release)
    assert allowed(release, pods[source], pods[target], port) is open_


@pytest.mark.parametrize("port", [443, 8443])
def test_hub_and_token_service_reach_the_provider_at_its_port(chart: Chart, port: int) -> None:
    issuer = "https://iam.example.org/" if port == 443 else f"https://iam.example.org:{port}/"
    hub = {"jupyterhub": {"hub": {"config": {"IAMAuthenticator": {"issuer": issuer}}}}}
    objects = chart.render(merged(MINIMAL, hub))
    pods = _pods(objects)
    assert reaches_outside(objects, pods["tokens"], port)
    assert reaches_outside(objects, pods["hub"], port)
    assert not reaches_outside(objects, pods["tokens"], 22)


def test_metrics_are_open_to_the_peers_of_the_values_alone(chart: Chart) -> None:
    prometheus: Labels = {"app": "prometheus"}
    peer = [{"podSelector": {"matchLabels": prometheus}}]
    objects = chart.render(merged(MINIMAL, {"networkPolicy": {"metricsFrom": peer}}))
    for target, port in (("tokens", TOKEN_METRICS), ("hub", HUB)):
        assert allowed(objects, prometheus, _pods(objects)[target], port)
        assert not allowed(objects, STRANGER, _pods(objects)[target], port)


def test_a_way_for_users_that_the_values_add_leaves_that_to_the_token_service_open(chart: Chart) -> None:
    """A list of Zero to JupyterHub's: ours must not be among what it replaces."""
    egress = {
        "jupyterhub": {"singleuser": {"networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}}}
    }
    objects = chart.render(merged(MINIMAL, egress))
    assert allowed(objects, USER, _pods(objects)["tokens"], TOKENS)


def test_without_policies_for_users_nothing_is_narrowed_by_ours(chart: Chart) -> None:
    """A policy of ours alone would close everything else to the pods."""
    off = {"jupyterhub": {"singleuser": {"networkPolicy": {"enabled": False}}}}
    assert reaches_outside(chart.render(merged(MINIMAL, off)), USER, 22)


def test_without_policies_for_our_own_pods_the_ways_through_those_of_zero_to_jupyterhub_stay(chart: Chart) -> None:
    """Its switches are others, and on by themselves."""
    dask = {"dask": {"enabled": True}, "catalogue": {"images": {"lab": {"offload": True}}}}
    off = {"networkPolicy": {"enabled": False}, "jupyterhub": {"custom": {"highrate": dask}}}
    objects = chart.render(merged(MINIMAL, off))
    pods = _pods(objects)
    assert allowed(objects, USER, pods["tokens"], TOKENS)
    assert allowed(objects, USER, pods["dask-proxy"], Port(8000, "proxy"))
    assert allowed(objects, STRANGER, pods["hub"], HUB), "Prometheus reads the hub's metrics"
    assert allowed(objects, STRANGER, pods["tokens"], TOKENS)


def _pods(objects: list[Object]) -> dict[str, Labels]:
    """Labels of pods by the short names of their workloads, and of those that no workload makes."""
    found = {w.object["metadata"]["name"].removeprefix("site-one-"): w.labels for w in workloads(objects)}
    return {**found, "user": USER, "stranger": STRANGER}
