"""What the virtual kubelet may do in the cluster: its node, its pods, and no Secret beyond the namespaces of the values."""

from collections.abc import Iterator

from tests.charts.navigation import of_kind
from tests.charts.rendering import VIRTUAL_NODE, Chart, Object, Release, Values, merged, read_values
from tests.cluster.vk import rights as tested

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
SENSITIVE = {"secrets", "configmaps", "serviceaccounts/token"}


def test_the_rules_are_the_ones_that_the_virtual_kubelet_is_tested_with(chart: Chart) -> None:
    """tests/cluster/vk runs it with these on a real API server: less would break it, more is for nobody."""
    objects = chart.render(REMOTE)
    (cluster,) = of_kind(objects, "ClusterRole")
    assert _as_sets(cluster["rules"]) == _as_sets(tested.cluster_rules("site-schedd"))
    roles = {role["metadata"]["namespace"]: role["rules"] for role in of_kind(objects, "Role")}
    leases = tested.lease_rules("site-schedd")
    assert _as_sets(roles["kube-node-lease"]) == _as_sets(leases)
    assert _as_sets(roles["highrate"]) == _as_sets(tested.NAMESPACE_RULES)


def test_secrets_are_read_in_the_namespaces_of_the_values_only(objects: list[Object], values: Values) -> None:
    clusterwide = [rule for rule in _rules(objects, "ClusterRole") if SENSITIVE & set(rule["resources"])]
    assert bool(clusterwide) == values.get("allNamespaces", False)
    namespaces = {
        role["metadata"]["namespace"]
        for role in of_kind(objects, "Role")
        if any(SENSITIVE & set(rule["resources"]) for rule in role["rules"])
    }
    expected = set() if values.get("allNamespaces") else set(values.get("namespaces", ["highrate"]))
    assert namespaces == expected


def test_nodes_and_leases_are_its_own_by_name(objects: list[Object], values: Values) -> None:
    for rule in _rules(objects, "Role", "ClusterRole"):
        if {"nodes", "nodes/status", "leases"} & set(rule["resources"]) and rule["verbs"] != ["create"]:
            assert rule["resourceNames"] == [values["nodeName"]]


def test_it_can_make_no_pods(objects: list[Object]) -> None:
    for rule in _rules(objects, "Role", "ClusterRole"):
        if "pods" in rule["resources"]:
            assert not {"create", "update", "patch"} & set(rule["verbs"])


def test_every_role_is_bound_to_the_service_account_of_the_pod(objects: list[Object]) -> None:
    roles = {
        (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"])
        for role in of_kind(objects, "Role", "ClusterRole")
    }
    bound = set()
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "site-one-vk", "namespace": "highrate"}]
        namespace = binding["metadata"].get("namespace") if binding["roleRef"]["kind"] == "Role" else None
        bound.add((binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"]))
    assert roles <= bound
    assert bound - roles <= {
        ("ClusterRole", None, "system:auth-delegator"),
        ("Role", "kube-system", "extension-apiserver-authentication-reader"),
    }


def test_the_edge_has_no_rights(objects: list[Object]) -> None:
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert all(not subject["name"].endswith("-edge") for subject in binding["subjects"])


def test_the_clusters_client_authority_is_read_only_if_the_values_have_none(chart: Chart) -> None:
    certificate = "-----BEGIN CERTIFICATE-----"
    given = chart.render(merged(REMOTE, {"kubelet": {"clientCa": certificate}}))
    assert _in_kube_system(chart.render(REMOTE)) and not _in_kube_system(given)


def test_names_of_shared_places_carry_the_namespace(chart: Chart) -> None:
    first, second = (
        {
            (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"])
            for o in chart.render(REMOTE, Release("same", namespace))
            if o["metadata"].get("namespace") != namespace
        }
        for namespace in ("one", "two")
    )
    assert first and not first & second


def _rules(objects: list[Object], *kinds: str) -> Iterator[Object]:
    for role in of_kind(objects, *kinds):
        yield from role["rules"]


def _as_sets(rules: list[Object]) -> list[dict[str, frozenset[str]]]:
    return [{key: frozenset(values) for key, values in rule.items()} for rule in rules]


def _in_kube_system(objects: list[Object]) -> list[Object]:
    return [obj for obj in objects if obj["metadata"].get("namespace") == "kube-system"]


def test_the_admission_policy_binds_this_virtual_kubelet_to_this_node(objects: list[Object], values: Values) -> None:
    (policy,) = of_kind(objects, "ValidatingAdmissionPolicy")
    (binding,) = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    (condition,) = policy["spec"]["matchConditions"]
    assert condition["expression"].endswith("== 'system:serviceaccount:highrate:site-one-vk'")
    validated = [validation["expression"] for validation in policy["spec"]["validations"]]
    assert sum(f"== '{values['nodeName']}'" in expression for expression in validated) == 2
    constrained = {
        resource for rule in policy["spec"]["matchConstraints"]["resourceRules"] for resource in rule["resources"]
    }
    changed = {
        resource
        for rule in _rules(objects, "Role", "ClusterRole")
        for resource in rule["resources"]
        if set(rule["verbs"]) - {"get", "list", "watch"} and "resourceNames" not in rule
    }
    assert changed - constrained == {"events", "leases"}


def test_services_are_read_only_where_pods_are_told_of_them(chart: Chart) -> None:
    assert not [rule for rule in _rules(chart.render(REMOTE), "Role", "ClusterRole") if "services" in rule["resources"]]
    told = chart.render(merged(REMOTE, {"node": {"serviceLinks": True}, "namespaces": ["users"]}))
    found = {
        role["metadata"]["namespace"]: (rule.get("resourceNames"), rule["verbs"])
        for role in of_kind(told, "Role")
        for rule in role["rules"]
        if "services" in rule["resources"]
    }
    assert found == {"users": (None, ["get", "list"]), "default": (["kubernetes"], ["get"])}
