"""What the hub may do in its namespace: what Zero to JupyterHub gives it, and one thing more."""

from collections import defaultdict
from collections.abc import Iterable

from tests.charts.navigation import of_kind, one
from tests.charts.rendering import HIGHRATE, Chart, Object, merged, read_values

MINIMAL = read_values(HIGHRATE / "ci" / "minimal-values.yaml")


def test_it_marks_whose_a_home_is(objects: list[Object]) -> None:
    """hub_config/spawn/home_claim.py patches claims; everything else is KubeSpawner's."""
    account = one(objects, "Deployment", "hub")["spec"]["template"]["spec"]["serviceAccountName"]
    rights = _rights(objects, account)
    assert rights["persistentvolumeclaims"] == {"get", "watch", "list", "create", "delete", "patch"}
    assert {resource for resource, verbs in rights.items() if "patch" in verbs} == {"persistentvolumeclaims"}


def test_who_gives_rights_otherwise_gets_none_from_here(chart: Chart) -> None:
    objects = chart.render(merged(MINIMAL, {"jupyterhub": {"rbac": {"create": False}}}))
    assert "hub" not in str([role["metadata"]["name"] for role in of_kind(objects, "Role", "RoleBinding")])
    assert not [role for role in of_kind(objects, "Role") if "persistentvolumeclaims" in str(role["rules"])]


def test_an_account_that_the_values_name_gets_it(chart: Chart) -> None:
    account = {"create": False, "name": "theirs"}
    objects = chart.render(merged(MINIMAL, {"jupyterhub": {"hub": {"serviceAccount": account}}}))
    assert "patch" in _rights(objects, "theirs")["persistentvolumeclaims"]


def _rights(objects: Iterable[Object], account: str) -> dict[str, set[str]]:
    """By resource, the verbs that an account is given by Roles."""
    objects = list(objects)
    bound = {
        binding["roleRef"]["name"]
        for binding in of_kind(objects, "RoleBinding")
        if account in [subject["name"] for subject in binding["subjects"]]
    }
    found: dict[str, set[str]] = defaultdict(set)
    for role in of_kind(objects, "Role"):
        for rule in role["rules"] if role["metadata"]["name"] in bound else ():
            for resource in rule["resources"]:
                found[resource] |= set(rule["verbs"])
    return found
