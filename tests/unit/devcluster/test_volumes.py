"""The storage class of the development cluster: what its manifests refer to is there, and it is the default."""

import json
from pathlib import Path
from typing import Any

from devcluster.kubernetes import volumes
from devcluster.kubernetes.programs import provisioner
from devcluster.paths import find_checkout

MANIFESTS: list[Any] = volumes.manifests("provisioner:1", "helper:1")
BY_KIND = {each["kind"]: each for each in MANIFESTS}


def test_a_claim_without_a_class_gets_a_folder_of_its_pods_node() -> None:
    found = BY_KIND["StorageClass"]
    assert found["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert found["volumeBindingMode"] == "WaitForFirstConsumer"


def test_the_provisioner_finds_its_configuration_and_its_account() -> None:
    spec = BY_KIND["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    names = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] in ("ConfigMap", "ServiceAccount")}
    assert names == {spec["serviceAccountName"], *(each["configMap"]["name"] for each in spec["volumes"])}
    (mount,) = container["volumeMounts"]
    words = container["args"]
    place, file = words[words.index("--config") + 1].rsplit("/", 1)
    assert place == mount["mountPath"]
    assert file in BY_KIND["ConfigMap"]["data"]
    assert words[words.index("--configmap-name") + 1] in names


def test_nothing_is_pulled() -> None:
    helper = json.loads(BY_KIND["ConfigMap"]["data"]["helperPod.yaml"])
    pods = (helper["spec"], BY_KIND["Deployment"]["spec"]["template"]["spec"])
    assert [pod["containers"][0]["image"] for pod in pods] == ["helper:1", "provisioner:1"]
    assert {pod["containers"][0]["imagePullPolicy"] for pod in pods} == {"Never"}


def test_it_lists_what_it_may_change_and_nothing_by_wildcard() -> None:
    rules = [rule for each in MANIFESTS if each["kind"].endswith("Role") for rule in each["rules"]]
    assert rules
    assert not any("*" in words for rule in rules for words in rule.values())
    writable = {name for rule in rules if "delete" in rule["verbs"] for name in rule["resources"]}
    assert writable == {"pods", "persistentvolumes"}


def test_the_program_comes_from_a_pinned_module(tmp_path: Path) -> None:
    program = provisioner(find_checkout(Path(__file__).parent))
    assert f"{program.packages[0]} v0.0.30" in (program.folder / "go.mod").read_text()
    assert program.path(tmp_path) == tmp_path / "programs" / f"{volumes.PROGRAM}-{program.key}"
