"""metrics-server in the development cluster: what it may, how it asks kubelets, and that what it is made of is pinned."""

from pathlib import Path
from typing import Any

from devcluster.kubernetes import usage
from devcluster.kubernetes.programs import metrics_server
from devcluster.paths import find_checkout

MANIFESTS: list[Any] = usage.manifests("metrics-server:1")
BY_KIND = {each["kind"]: each for each in MANIFESTS}


def test_the_aggregated_api_leads_to_its_pod() -> None:
    service, pod = BY_KIND["Service"], BY_KIND["Deployment"]["spec"]["template"]
    assert BY_KIND["APIService"]["spec"]["service"] == service["metadata"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["containerPort"]
    assert f"--secure-port={container['ports'][0]['containerPort']}" in container["args"]


def test_virtual_nodes_are_asked_at_the_port_that_they_tell() -> None:
    (container,) = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert {"--kubelet-use-node-status-port", "--kubelet-preferred-address-types=InternalIP"} <= set(container["args"])
    assert container["imagePullPolicy"] == "Never"


def test_it_may_read_usage_and_change_nothing() -> None:
    rules = [rule for each in MANIFESTS if each["kind"] == "ClusterRole" for rule in each["rules"]]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert ["nodes/metrics"] in [rule["resources"] for rule in rules]
    assert not any("nodes/proxy" in rule["resources"] for rule in rules)


def test_every_binding_names_a_role_that_is_there_and_its_account() -> None:
    made = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "ClusterRole"}
    built_in = {"system:auth-delegator", "extension-apiserver-authentication-reader"}
    bindings = [each for each in MANIFESTS if each["kind"].endswith("Binding")]
    assert {each["roleRef"]["name"] for each in bindings} <= made | built_in
    account = BY_KIND["ServiceAccount"]["metadata"]
    assert all(each["subjects"] == [{"kind": "ServiceAccount", **account}] for each in bindings)
    assert BY_KIND["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]


def test_the_program_comes_from_a_pinned_module(tmp_path: Path) -> None:
    program = metrics_server(find_checkout(Path(__file__).parent))
    assert "sigs.k8s.io/metrics-server v0.8.0" in (program.folder / "go.mod").read_text()
    assert program.path(tmp_path) == tmp_path / "programs" / f"{usage.PROGRAM}-{program.key}"
