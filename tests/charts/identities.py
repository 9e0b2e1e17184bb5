"""What makes objects of two renderings the same object, and what of an object no upgrade may change."""

from collections.abc import Iterator

from tests.charts.navigation import of_kind, workloads
from tests.charts.rendering import Object

Identity = tuple[str, str | None, str]


def identities(objects: list[Object]) -> set[Identity]:
    return {(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects}


def selectors(objects: list[Object]) -> Iterator[dict[str, str]]:
    for workload in workloads(objects):
        yield workload.object["spec"]["selector"]["matchLabels"]
    for policy in of_kind(objects, "NetworkPolicy"):
        yield policy["spec"]["podSelector"]["matchLabels"]
    for service in of_kind(objects, "Service"):
        yield service["spec"]["selector"]


def immutable(objects: list[Object]) -> dict[Identity, object]:
    """What the API server refuses to change, by object."""
    mutable_in_stateful_sets = {"replicas", "template", "updateStrategy", "minReadySeconds"}
    found: dict[Identity, object] = {}
    for obj in objects:
        (identity,) = identities([obj])
        spec = obj.get("spec", {})
        if obj["kind"] == "Deployment":
            found[identity] = spec["selector"]
        elif obj["kind"] == "StatefulSet":
            found[identity] = {key: value for key, value in spec.items() if key not in mutable_in_stateful_sets}
        elif obj["kind"] == "PersistentVolumeClaim":
            found[identity] = {key: value for key, value in spec.items() if key != "resources"}
        elif obj["kind"] == "Service":
            found[identity] = spec.get("clusterIP"), spec.get("type", "ClusterIP") == "ExternalName"
        elif obj["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            found[identity] = obj["roleRef"]
        elif obj["kind"] == "Secret":
            found[identity] = obj.get("type")
    return found
