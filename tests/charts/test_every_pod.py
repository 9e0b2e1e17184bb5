"""What must hold for every pod of every values file."""

from tests.charts.navigation import Workload, of_kind, references, selects, workloads
from tests.charts.pod_security import restricted_violations
from tests.charts.rendering import Object, Values

FROM_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


def test_there_is_a_pod(objects: list[Object]) -> None:
    assert workloads(objects)


def test_meets_the_restricted_standard(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert restricted_violations(workload.pod) == [], workload.name


def test_can_write_only_where_something_is_mounted_for_it(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
        for volume in workload.pod["volumes"]:
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], volume["name"]


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
        for container in workload.containers:
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"]["port"] in ports


def test_has_ports_of_different_names_and_numbers(objects: list[Object]) -> None:
    for workload in workloads(objects):
        ports = [port for container in workload.containers for port in container["ports"]]
        assert len({port["name"] for port in ports}) == len(ports)
        assert len({port["containerPort"] for port in ports}) == len(ports)
        assert all(len(port["name"]) <= 15 for port in ports)


def test_mounts_volumes_that_exist_and_uses_all_of_them(objects: list[Object]) -> None:
    for workload in workloads(objects):
        mounted = {mount["name"] for container in workload.containers for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in workload.pod["volumes"]}


def test_refers_to_objects_of_the_release_or_of_the_values(objects: list[Object], values: Values) -> None:
    made = {(obj["kind"], obj["metadata"]["name"]) for obj in objects}
    for workload in workloads(objects):
        for kind, name in set(references(workload.pod)) - made - FROM_THE_CLUSTER:
            assert f"'{name}'" in str(values), f"{workload.name} needs {kind} {name}, which nobody makes"


def test_is_selected_by_its_workload(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert selects(workload.object["spec"]["selector"]["matchLabels"], workload.labels)


def test_is_selected_by_one_workload_only(objects: list[Object]) -> None:
    found = workloads(objects)
    for workload in found:
        selector = workload.object["spec"]["selector"]["matchLabels"]
        assert [other.name for other in found if selects(selector, other.labels)] == [workload.name]


def test_stands_under_a_policy_for_both_directions(objects: list[Object], values: Values) -> None:
    if not values.get("networkPolicy", {}).get("enabled", True):
        assert not of_kind(objects, "NetworkPolicy")
        return
    for workload in workloads(objects):
        policies = [
            policy["spec"]
            for policy in of_kind(objects, "NetworkPolicy")
            if selects(policy["spec"]["podSelector"]["matchLabels"], workload.labels)
        ]
        assert {"Ingress", "Egress"} == {direction for policy in policies for direction in policy["policyTypes"]}


def test_never_runs_twice(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert workload.object["spec"]["replicas"] == 1
        if workload.object["kind"] == "Deployment":
            assert workload.object["spec"]["strategy"] == {"type": "Recreate"}
        else:
            assert workload.object["kind"] == "StatefulSet"


def test_gets_the_kubernetes_token_only_where_it_is_needed(objects: list[Object]) -> None:
    for workload in workloads(objects):
        assert workload.pod["automountServiceAccountToken"] is False
        holders = _containers_mounting(workload, "/var/run/secrets/kubernetes.io/serviceaccount")
        assert holders == (["virtual-kubelet"] if workload.object["kind"] == "Deployment" else [])


def test_shows_the_clients_secret_to_the_token_refresher_alone(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for path in ("/run/highrate/client", "/run/highrate/exchanged"):
            assert set(_containers_mounting(workload, path)) <= {"token-refresher"}


def test_keeps_tokens_in_memory(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for volume in workload.pod["volumes"]:
            if volume["name"] in ("token", "exchanged"):
                assert volume["emptyDir"]["medium"] == "Memory"


def test_names_no_secret_in_arguments_or_environment(objects: list[Object], values: Values) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            shown = str(container.get("args")) + str(container.get("env"))
            assert values["token"]["existingSecret"] not in shown
            assert "secretKeyRef" not in shown


def _containers_mounting(workload: Workload, path: str) -> list[str]:
    return [c["name"] for c in workload.containers if path in workload.mounts(c["name"]).values()]
