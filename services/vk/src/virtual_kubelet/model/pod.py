"""Reading pods. A pod is the JSON object of the API server, from the watch to the wire: no field is ever lost to a class."""

from collections.abc import Iterator
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

TERMINAL_PHASES = frozenset({"Succeeded", "Failed"})
JOB_ID_ANNOTATION = "JobID"
"""Where interLink keeps the job's id; also the sign, after a restart, that the pod was handed over."""

NOT_OFFLOADED = {
    "containers": "interlink.eu/disable-offload-containers",
    "initContainers": "interlink.eu/disable-offload-init-containers",
}
"""Annotations with a comma list of containers that do not run at the site, per key of the pod's spec."""


def uid(pod: JsonObject) -> str:
    value: str = pod["metadata"]["uid"]
    return value


def namespace(pod: JsonObject) -> str:
    value: str = pod["metadata"].get("namespace", "default")
    return value


def name(pod: JsonObject) -> str:
    value: str = pod["metadata"]["name"]
    return value


def pod_path(namespace: str, name: str) -> str:
    """Where the API server has the pod of this name."""
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def annotations(pod: JsonObject) -> dict[str, str]:
    return pod["metadata"].get("annotations") or {}


def status(pod: JsonObject) -> JsonObject:
    return pod.get("status") or {}


def phase(pod: JsonObject) -> str:
    value: str = status(pod).get("phase") or "Pending"
    return value


def is_terminal(pod: JsonObject) -> bool:
    return phase(pod) in TERMINAL_PHASES


def runs(pod: JsonObject) -> bool:
    """Is one of its containers shown running?"""
    shown = status(pod)
    every = [*(shown.get("initContainerStatuses") or []), *(shown.get("containerStatuses") or [])]
    return any("running" in (each.get("state") or {}) for each in every)


def offloaded(pod: JsonObject, kind: str) -> list[JsonObject]:
    """The containers (`kind` "containers" or "initContainers") that run at the site."""
    kept_here = {n.strip() for n in annotations(pod).get(NOT_OFFLOADED[kind], "").split(",")}
    return [c for c in pod["spec"].get(kind) or [] if c["name"] not in kept_here]


def created_with(pod: JsonObject) -> Iterator[JsonObject]:
    """The containers with which the pod is handed over, init containers first."""
    yield from offloaded(pod, "initContainers")
    yield from offloaded(pod, "containers")


def ephemeral(pod: JsonObject) -> list[JsonObject]:
    """Containers that were added to the pod later (`kubectl debug`)."""
    return pod["spec"].get("ephemeralContainers") or []


def all_containers(pod: JsonObject) -> Iterator[JsonObject]:
    """Every container that runs at the site."""
    yield from created_with(pod)
    yield from ephemeral(pod)


def is_sidecar(container: JsonObject) -> bool:
    """Is this init container a native sidecar (KEP-753), which runs beside the others and never ends by itself?"""
    return container.get("restartPolicy") == "Always"
