"""Pods as the API server shows them, for tests of pure decisions."""

from typing import Any

Json = dict[str, Any]
UID = "5b0c4f6e-0000-4000-8000-000000000001"


def pod(containers: list[Json] | None = None, inits: list[Json] | None = None, **more: Any) -> Json:
    """A pod bound to a node; `metadata` and `status` are merged, everything else goes into its spec."""
    meta = {"name": "p", "namespace": "ns", "uid": UID, "resourceVersion": "5", **more.pop("metadata", {})}
    status = {"phase": "Pending", **more.pop("status", {})}
    spec: Json = {"containers": containers or [container("a")], "restartPolicy": "Never", "nodeName": "node", **more}
    if inits:
        spec["initContainers"] = inits
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def container(name: str, **more: Any) -> Json:
    return {"name": name, "image": f"image-{name}", **more}
