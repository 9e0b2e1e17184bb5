"""What the gateway may do: with pods and Secrets where clusters are, and nothing elsewhere but look at the nodes of its sites."""

from tests.charts.navigation import of_kind
from tests.charts.rendering import HIGHRATE, Chart, Object, read_values

TWO_SITES = read_values(HIGHRATE / "ci" / "two-sites-values.yaml")
# By resource: the verbs of every request that the backend's code makes (io/).
NEEDED = {
    "pods": {"get", "list", "watch", "create", "delete", "deletecollection"},
    "pods/log": {"get"},
    "secrets": {"create", "patch", "delete", "deletecollection"},
    "events": {"list"},
}


def test_it_may_do_what_it_does_and_no_more(chart: Chart) -> None:
    (role,) = _rules_of_the_gateway(chart.render(TWO_SITES), "Role")
    assert role["metadata"]["namespace"] == "analysis"
    assert {rule["resources"][0]: set(rule["verbs"]) for rule in role["rules"]} == NEEDED
    assert all(len(rule["resources"]) == 1 and rule["apiGroups"] == [""] for rule in role["rules"])


def test_it_reads_no_secret(chart: Chart) -> None:
    """To apply one is to patch it, and the answer is the one that was sent."""
    (role,) = _rules_of_the_gateway(chart.render(TWO_SITES), "Role")
    (secrets,) = [rule for rule in role["rules"] if rule["resources"] == ["secrets"]]
    assert not {"get", "list", "watch"} & set(secrets["verbs"])


def test_of_the_cluster_it_sees_the_nodes_of_its_sites_by_name(chart: Chart) -> None:
    (role,) = _rules_of_the_gateway(chart.render(TWO_SITES), "ClusterRole")
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["nodes"],
            "resourceNames": ["gpu.site-ce.example", "site-schedd"],
            "verbs": ["get"],
        }
    ]


def _rules_of_the_gateway(objects: list[Object], kind: str) -> list[Object]:
    """The Roles or ClusterRoles that the gateway's account is bound to."""
    bound = {
        (binding["roleRef"]["name"], binding["metadata"].get("namespace"))
        for binding in of_kind(objects, f"{kind}Binding")
        if [(s["name"], s["namespace"]) for s in binding["subjects"]] == [("dask-gateway", "highrate")]
    }
    return [
        role
        for role in of_kind(objects, kind)
        if (role["metadata"]["name"], role["metadata"].get("namespace")) in bound
    ]
