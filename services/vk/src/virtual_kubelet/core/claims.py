"""Claims that a pod mounts: what the site has to know of each to give it a place.

A virtual node attaches nothing. It tells which class, driver and volume stand behind a claim, and the site's own table says where
that data is there. As under a kubelet, a pod waits for claims that are missing, unbound or going away.
"""

from collections.abc import Iterator

from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject


def mounted_claims(pod: JsonObject) -> Iterator[tuple[JsonObject, str]]:
    """Each volume that is a claim, and the claim's name; a generic ephemeral volume's is made of the pod's and its own."""
    for volume in pod["spec"].get("volumes") or []:
        if "persistentVolumeClaim" in volume:
            yield volume, volume["persistentVolumeClaim"].get("claimName", "")
        elif "ephemeral" in volume:
            yield volume, f"{pods.name(pod)}-{volume['name']}"


def claims(pod: JsonObject, store: ObjectStore) -> list[JsonObject]:
    """What is told of each claim (`volume` is its name in the pod). Raises MissingObjectError."""
    return [_claim(pod, volume, name, store) for volume, name in mounted_claims(pod)]


def _claim(pod: JsonObject, volume: JsonObject, name: str, store: ObjectStore) -> JsonObject:
    found = store.objects.get(ObjectName("persistentvolumeclaim", name))
    problem = _problem(pod, volume, name, found)
    if found is None or problem:
        raise MissingObjectError(
            f'MountVolume.SetUp failed for volume "{volume["name"]}" : error processing PVC {store.namespace}/{name}: {problem}',
            reason="ContainerCreating",
            event="FailedMount",
        )
    spec = found["spec"]
    bound = store.bound.get(spec["volumeName"]) or {}
    csi = (bound.get("spec") or {}).get("csi") or {}
    return {
        "volume": volume["name"],
        "claim": name,
        "storageClass": spec.get("storageClassName") or "",
        "accessModes": spec.get("accessModes") or [],
        "volumeMode": spec.get("volumeMode") or "Filesystem",
        "boundTo": spec["volumeName"],
        "driver": csi.get("driver", ""),
        "handle": csi.get("volumeHandle", ""),
        "attributes": csi.get("volumeAttributes") or {},
    }


def _problem(pod: JsonObject, volume: JsonObject, name: str, found: JsonObject | None) -> str:
    """Why a kubelet would wait; "" if it wouldn't."""
    if found is None:
        return f'failed to fetch PVC from API server: persistentvolumeclaims "{name}" not found'
    owners = found["metadata"].get("ownerReferences") or []
    if "ephemeral" in volume and not any(o.get("controller") and o.get("uid") == pods.uid(pod) for o in owners):
        return f"PVC {name} was not created for pod {pods.name(pod)} (pod is not owner)"
    if found["metadata"].get("deletionTimestamp"):
        return "PVC is being deleted"
    if (found.get("status") or {}).get("phase") != "Bound" or not found["spec"].get("volumeName"):
        return "PVC is not bound"
    return ""
