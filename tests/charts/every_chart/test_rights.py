"""What anything that is installed may do in the cluster: named things, in namespaces that the values name."""

from collections.abc import Iterator

from tests.charts.navigation import of_kind
from tests.charts.rendering import Object, Values

SENSITIVE = {"secrets", "configmaps", "serviceaccounts/token"}


def test_no_rule_has_a_wildcard(objects: list[Object]) -> None:
    for rule in _rules(objects, "Role", "ClusterRole"):
        assert "*" not in str(rule)


def test_nothing_gives_rights(objects: list[Object]) -> None:
    for rule in _rules(objects, "Role", "ClusterRole"):
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]


def test_secrets_of_all_namespaces_are_read_only_where_the_values_say_so(objects: list[Object], values: Values) -> None:
    """Values of a site, or of several."""
    wide = any(site.get("allNamespaces") for site in [values, *values.get("sites", {}).values()])
    assert bool([r for r in _rules(objects, "ClusterRole") if SENSITIVE & set(r["resources"])]) == wide


def test_roles_with_secrets_are_in_namespaces_of_the_values(objects: list[Object], values: Values) -> None:
    clusters = values.get("dask", {}).get("namespace", "highrate")
    named = {name for site in [values, *values.get("sites", {}).values()] for name in site.get("namespaces", [])}
    for role in of_kind(objects, "Role"):
        if any(SENSITIVE & set(rule["resources"]) for rule in role["rules"]):
            assert role["metadata"].get("namespace", "highrate") in named | {"highrate", clusters}


def test_every_role_is_bound_to_accounts_of_the_release_alone(objects: list[Object]) -> None:
    accounts = {account["metadata"]["name"] for account in of_kind(objects, "ServiceAccount")}
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount" and subject["namespace"] == "highrate"
            assert subject["name"] in accounts


def _rules(objects: list[Object], *kinds: str) -> Iterator[Object]:
    for role in of_kind(objects, *kinds):
        yield from role["rules"]
