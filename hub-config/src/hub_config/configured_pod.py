"""The pod that KubeSpawner would make of what is configured beside the platform's own, looked at as every session's is.

What would be refused there is refused when the hub starts: afterwards every session would be answered with 500, and only the hub's
log would say why. `modify_pod_hook` and the like can't be seen here; they stay for the look at the session's pod.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes_asyncio.client import ApiClient
from kubespawner.objects import make_pod

from hub_config.configured import by_name, inherited
from hub_config.settings import Platform
from hub_config.spawn import security

_PLACE = re.compile(r"spec\.(volumes|initContainers|containers)\[(\d+)\]\.(.*)", re.DOTALL)
_KEYS = {
    "volumes": "singleuser.storage.extraVolumes",
    "initContainers": "singleuser.initContainers",
    "containers": "singleuser.extraContainers",
}
_WHY = "sessions are of the restricted Pod Security standard, so that none would start"
_INSTEAD = {"volumes": ". For a share of data, make a PersistentVolume and a claim, and write persistentVolumeClaim"}


class _Plain(ApiClient):
    """The client's conversion to JSON, without a connection."""

    def __init__(self) -> None:
        pass


def is_blocker(container: Any) -> bool:
    """z2jh's own container of `cloudMetadata.blockWithIptables`, which it makes with the Kubernetes client's class."""
    return not isinstance(container, Mapping) and container.name == "block-cloud-metadata"


def refused(c: Any, platform: Platform) -> Iterator[str]:
    """A sentence for each value that would make pods which aren't allowed."""
    try:
        pod = _Plain().sanitize_for_serialization(_pod(c, platform))
    except (AttributeError, TypeError, ValueError) as error:
        yield f"singleuser: KubeSpawner can make no pod of it ({error}); see extraVolumes, the containers and extraPodConfig"
        return
    found: dict[tuple[str, str], list[str]] = {}
    for objection in security.objections(pod, platform):
        key, instead, what = _told(pod, objection)
        found.setdefault((key, instead), []).append(what)
    for (key, instead), reasons in found.items():
        yield f"{key}: {', '.join(reasons)}; {_WHY}{instead}"


def _pod(c: Any, platform: Platform) -> Any:
    """Without the platform's own volumes and image, which are all right."""
    init_containers = by_name(inherited(c, "init_containers", [])).values()
    return make_pod(
        **security.traits(platform.home),
        name="session",
        cmd=[],
        port=8888,
        image="any:1",
        annotations=inherited(c, "extra_annotations", {}),
        lifecycle_hooks=inherited(c, "lifecycle_hooks", {}),
        volumes=[*by_name(inherited(c, "volumes", {})).values()],
        volume_mounts=[*by_name(inherited(c, "volume_mounts", {})).values()],
        init_containers=[each for each in init_containers if not is_blocker(each)],  # told in words of its own
        extra_containers=[*by_name(inherited(c, "extra_containers", [])).values()],
        extra_container_config=inherited(c, "extra_container_config", {}),
        extra_pod_config=inherited(c, "extra_pod_config", {}),
    )


def _told(pod: Mapping[str, Any], objection: str) -> tuple[str, str, str]:
    """The key of the value, what to write instead, and what is said of it."""
    place = _PLACE.fullmatch(objection)
    if place is None:
        kind, _, what = objection.partition(".")
        return "singleuser.extraAnnotations" if kind == "metadata" else "singleuser.extraPodConfig", "", what
    kind, index, what = place.groups()
    name = pod["spec"][kind][int(index)].get("name", index)
    if kind == "containers" and name == "notebook":
        return "singleuser.lifecycleHooks or hub.config.KubeSpawner.extra_container_config", "", what
    return f"{_KEYS[kind]} ({name})", _INSTEAD.get(kind, ""), what
