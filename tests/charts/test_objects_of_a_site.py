"""What must hold for a site with any values, besides what every_chart tests of all charts."""

from tests.charts.navigation import of_kind, workloads
from tests.charts.rendering import Object, Values


def test_no_secret_is_made_but_the_certificate_of_the_edge(objects: list[Object], values: Values) -> None:
    edge = values["edge"]
    expected = ["site-one-edge-tls"] if edge.get("mode") == "cluster" and "existingTlsSecret" not in edge else []
    assert [secret["metadata"]["name"] for secret in of_kind(objects, "Secret")] == expected


def test_no_pod_runs_twice(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert workload.object["spec"]["replicas"] == 1
        if workload.object["kind"] == "Deployment":
            assert workload.object["spec"]["strategy"] == {"type": "Recreate"}
        else:
            assert workload.object["kind"] == "StatefulSet"
