"""What only an API server can say of the charts: that it takes them, that upgrades go through, that nothing is left."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.rendering import VIRTUAL_NODE, Values, merged, read_values
from tests.cluster.charts.conftest import Releases

CI = {path.name.removesuffix("-values.yaml"): read_values(path) for path in (VIRTUAL_NODE / "ci").glob("*-values.yaml")}
NO_OPERATOR: Values = {"metrics": {"podMonitor": {"enabled": False}}}


@pytest.fixture(params=sorted(CI))
def values(request: pytest.FixtureRequest) -> Values:
    return merged(CI[request.param], NO_OPERATOR)


@pytest.fixture
def name(request: pytest.FixtureRequest, releases: Releases) -> Iterator[str]:
    """Of a release that is gone after the test."""
    yield "site-one"
    releases.uninstall("site-one")


def test_a_second_upgrade_with_the_same_values_changes_nothing(releases: Releases, name: str, values: Values) -> None:
    releases.install(name, values)
    before = _contents(releases.objects(name))
    assert before
    releases.install(name, values)
    assert _contents(releases.objects(name)) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [("remote", "remote-everything"), ("remote-everything", "cluster-ce"), ("cluster-schedd", "remote")],
)
def test_a_release_may_change_all_over(releases: Releases, name: str, before: str, after: str) -> None:
    releases.install(name, merged(CI[before], NO_OPERATOR))
    releases.install(name, merged(CI[after], NO_OPERATOR))
    kinds = {obj["kind"] for obj in releases.objects(name)}
    assert ("StatefulSet" in kinds) == after.startswith("cluster")


def test_the_edge_keeps_its_certificate_over_upgrades(releases: Releases, name: str) -> None:
    values = CI["cluster-schedd"]
    releases.install(name, values)
    before = _certificate(releases.objects(name))
    releases.install(name, merged(values, {"logLevel": "debug"}))
    assert _certificate(releases.objects(name)) == before


def test_releases_of_one_name_stand_in_two_namespaces(releases: Releases, name: str) -> None:
    releases.install(name, CI["remote"])
    releases.install(name, merged(CI["remote"], {"nodeName": "site-two"}), namespace="users")
    releases.uninstall(name, namespace="users")
    assert any(obj["kind"] == "ClusterRole" for obj in releases.objects(name))


def test_a_namespace_that_enforces_the_restricted_standard_takes_the_pods(
    releases: Releases, name: str, values: Values
) -> None:
    releases.install(name, values)
    workloads = [obj for obj in releases.objects(name) if obj["kind"] in ("Deployment", "StatefulSet")]
    for workload in workloads:
        template = workload["spec"]["template"]
        metadata = {**template["metadata"], "name": "as-a-controller-makes-it", "namespace": "highrate"}
        spec = {key: value for key, value in template["spec"].items() if key != "priorityClassName"}
        releases.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, "--dry-run=server")
    assert workloads


def test_nothing_is_left_of_a_release(releases: Releases, values: Values) -> None:
    releases.install("short-lived", values)
    releases.uninstall("short-lived")
    assert releases.objects("short-lived") == []


def _contents(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that is in them, generations included; an API server counts a claim's version up even if nothing differs."""
    bookkeeping = {"resourceVersion", "managedFields"}
    return [
        {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in bookkeeping}}
        for obj in objects
    ]


def _certificate(objects: list[dict[str, Any]]) -> dict[str, str]:
    (secret,) = [obj for obj in objects if obj["kind"] == "Secret"]
    data: dict[str, str] = secret["data"]
    return data
