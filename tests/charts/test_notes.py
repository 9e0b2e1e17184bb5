"""What Helm prints after an install: what to look at, and a pod to try that Kubernetes would take."""

import re

import yaml
from hub_config.spawn.restricted import violations

from tests.charts.rendering import VIRTUAL_NODE, Chart, Object, Release, Values, merged, read_values
from tests.schemas import validate

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")


def test_the_pod_to_try_is_valid_and_goes_to_the_node(chart: Chart) -> None:
    (pod,) = pods_to_try(chart.notes(merged(REMOTE, {"namespaces": ["users", "dask"]})))
    validate(pod)
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "site-schedd"}
    assert pod["spec"]["tolerations"][0]["key"] == "virtual-node.interlink/no-schedule"
    assert pod["metadata"]["namespace"] == "users"


def test_the_pod_to_try_meets_the_restricted_standard(chart: Chart) -> None:
    (pod,) = pods_to_try(chart.notes(REMOTE))
    assert violations(pod) == []
    assert pod["spec"]["securityContext"]["runAsUser"], "the image's own user is root, which runAsNonRoot forbids"


def test_commands_name_what_the_release_has(chart: Chart) -> None:
    notes = chart.notes(REMOTE, Release("my-release", "somewhere"))
    assert "kubectl get node site-schedd" in notes
    assert "kubectl logs -n somewhere deploy/my-release-vk -c virtual-kubelet" in notes


def test_no_value_that_may_be_secret_is_shown(chart: Chart, values: Values) -> None:
    if values.get("metrics", {}).get("podMonitor", {}).get("enabled"):
        values = merged(values, {"metrics": {"podMonitor": {"enabled": False}}})
    notes = chart.notes(values)
    assert "BEGIN" not in notes
    assert values["token"]["existingSecret"] not in notes


def test_wide_rights_are_pointed_out(chart: Chart) -> None:
    assert "every Secret" in chart.notes(merged(REMOTE, {"allNamespaces": True}))
    assert "every Secret" not in chart.notes(REMOTE)


def pods_to_try(notes: str) -> list[Object]:
    """The pods that a shell would make of the notes."""
    return [yaml.safe_load(text) for text in re.findall(r"<<'?POD'?\n(.*?)\nPOD\n", notes, re.DOTALL)]
