"""What must hold for every pod, whatever is installed. JupyterHub's chart decides some things about its own by itself."""

from pathlib import Path

from hub_config.spawn.restricted import violations

from tests.charts.navigation import Workload, is_jupyterhubs, of_kind, references, selects, workloads
from tests.charts.rendering import Object, Values, merged, read_values

FROM_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
# By case, the pods that the values leave without a policy.
WITHOUT_POLICY = {
    "virtual-node/cluster-ce": {"site-one-vk", "site-one-edge"},
    "highrate/no-policies": {
        f"site-one-jupyterhub-{part}" for part in ("hub", "proxy", "tokens", "dask-gateway", "dask-proxy")
    },
    "highrate/two-sites": {"site-one-remote-vk"},
}


def test_there_is_a_pod(objects: list[Object]) -> None:
    assert workloads(objects)


def test_meets_the_restricted_standard(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert violations(workload.object["spec"]["template"]) == [], workload.name


def test_can_write_only_where_something_is_mounted_for_it(objects: list[Object]) -> None:
    for workload in _of_ours(objects):
        for container in workload.containers:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
        for volume in workload.pod["volumes"]:
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], volume["name"]


def test_a_corrected_value_replaces_a_pod_that_never_became_ready(objects: list[Object]) -> None:
    """A StatefulSet of ordered pods waits for it for ever (Kubernetes: "forced rollback")."""
    for workload in _of_ours(objects):
        if workload.object["kind"] == "StatefulSet":
            assert workload.object["spec"]["podManagementPolicy"] == "Parallel", workload.name


def test_asks_for_what_it_needs_and_limits_memory(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys()
            assert "memory" in resources["limits"]


def test_runs_a_fixed_image(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            name, separator, version = container["image"].rpartition("@" if "@" in container["image"] else ":")
            assert name and separator and version and version != "latest"


def test_is_probed_in_every_container_at_a_port_that_it_has(objects: list[Object]) -> None:
    for workload in workloads(objects):
        probes = ["livenessProbe", "readinessProbe"]
        if not is_jupyterhubs(workload.object):
            probes.append("startupProbe")
        for container in workload.containers:
            ports = {port["name"] for port in container["ports"]}
            for probe in probes:
                asked = container[probe].get("httpGet") or container[probe]["tcpSocket"]
                assert asked["port"] in ports


def test_has_ports_of_different_names_and_numbers(objects: list[Object]) -> None:
    for workload in workloads(objects):
        ports = [port for container in workload.containers for port in container["ports"]]
        assert len({port["name"] for port in ports}) == len(ports)
        assert len({port["containerPort"] for port in ports}) == len(ports)
        assert all(len(port["name"]) <= 15 for port in ports)


def test_mounts_volumes_that_exist_and_uses_all_of_them(objects: list[Object]) -> None:
    for workload in workloads(objects):
        mounted = {mount["name"] for container in workload.containers for mount in container.get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in workload.pod.get("volumes", [])}, workload.name


def test_refers_to_objects_of_the_release_or_of_the_values(objects: list[Object], values: Values, file: Path) -> None:
    made = {(obj["kind"], obj["metadata"]["name"]) for obj in objects}
    said = str(merged(read_values(file.parents[1] / "values.yaml"), values))
    for workload in workloads(objects):
        for kind, name in set(references(workload.pod)) - made - FROM_THE_CLUSTER:
            assert f"'{name}'" in said, f"{workload.name} needs {kind} {name}, which nobody makes"


def test_is_selected_by_its_workload(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert selects(workload.object["spec"]["selector"]["matchLabels"], workload.labels)


def test_is_selected_by_one_workload_only(objects: list[Object]) -> None:
    found = workloads(objects)
    for workload in found:
        selector = workload.object["spec"]["selector"]["matchLabels"]
        assert [other.name for other in found if selects(selector, other.labels)] == [workload.name]


def test_services_and_budgets_select_pods(objects: list[Object]) -> None:
    found = workloads(objects)
    for service in of_kind(objects, "Service"):
        pods = [labels for workload in found for labels in workload.labels_of_each]
        assert any(selects(service["spec"]["selector"], labels) for labels in pods), service["metadata"]
    for budget in of_kind(objects, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        (workload,) = [workload for workload in found if selects(selector, workload.labels)]
        assert workload.object["spec"]["replicas"] > 1 or budget["spec"].get("maxUnavailable"), (
            "no node could be drained"
        )


def test_stands_under_a_policy_for_both_directions(objects: list[Object], case: str) -> None:
    without = {
        workload.object["metadata"]["name"] for workload in workloads(objects) if not _directions(objects, workload)
    }
    assert without == WITHOUT_POLICY.get(case, set())
    for workload in workloads(objects):
        assert _directions(objects, workload) in (set(), {"Ingress", "Egress"}), workload.name


def test_several_of_a_kind_can_be_replaced_one_by_one(objects: list[Object]) -> None:
    for workload in workloads(objects):
        spec = workload.object["spec"]
        budgets = [
            budget
            for budget in of_kind(objects, "PodDisruptionBudget")
            if selects(budget["spec"]["selector"]["matchLabels"], workload.labels)
        ]
        if spec["replicas"] > 1:
            assert len(budgets) == 1 and spec.get("strategy", {}).get("type") != "Recreate"
        elif workload.object["kind"] == "Deployment" and not is_jupyterhubs(workload.object):
            assert workload.name.endswith(("tokens", "dask-proxy")) or spec["strategy"] == {"type": "Recreate"}


def test_gets_the_kubernetes_token_only_where_it_is_needed(objects: list[Object]) -> None:
    for workload in workloads(objects):
        asked = workload.pod.get("automountServiceAccountToken", True)
        assert asked == (workload.labels.get("component") == "hub"), workload.name
        holders = workload.containers_mounting("/var/run/secrets/kubernetes.io/serviceaccount")
        needed = {"-vk": ["virtual-kubelet"], "dask-gateway": ["dask-gateway"]}
        assert holders == next((names for end, names in needed.items() if workload.name.endswith(end)), [])


def test_shows_the_clients_secret_to_those_who_ask_for_tokens_alone(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for path in ("/run/highrate/client", "/run/highrate/exchanged"):
            assert set(workload.containers_mounting(path)) <= {"token-refresher", "token-service"}


def test_keeps_tokens_in_memory(objects: list[Object]) -> None:
    for workload in _of_ours(objects):
        for volume in workload.pod["volumes"]:
            if volume["name"] in ("token", "exchanged"):
                assert volume["emptyDir"]["medium"] == "Memory"


def test_names_no_secret_in_arguments_or_environment(objects: list[Object]) -> None:
    for workload in _of_ours(objects):
        for container in workload.containers:
            assert "secretKeyRef" not in str(container.get("env"))
            secrets = {name for kind, name in references(workload.pod) if kind == "Secret"}
            assert not any(name in str(container.get("args")) for name in secrets)


def _of_ours(objects: list[Object]) -> list[Workload]:
    return [workload for workload in workloads(objects) if not is_jupyterhubs(workload.object)]


def _directions(objects: list[Object], workload: Workload) -> set[str]:
    """The directions that any policy limits for a workload's pods."""
    return {
        direction
        for policy in of_kind(objects, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"]["matchLabels"], workload.labels)
        for direction in policy["spec"]["policyTypes"]
    }
