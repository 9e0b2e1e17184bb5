"""What each container of a pod mounts: the objects that came with a create, sorted to the containers that use them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from interlink.protocol.decode import encode
from interlink.protocol.types import CreateRequest, JsonObject, RetrievedContainer


def attach_volumes(
    request: CreateRequest, kinds: Sequence[str] = ("initContainers", "containers")
) -> list[RetrievedContainer]:
    """One entry per init container, then one per container (`kinds`), with the objects behind its volume mounts.

    ConfigMaps and Secrets are found by object name, projected volumes by volume name. Objects are passed on whole: items, modes
    and subPath are the plugin's business, which has the pod's volumes too.
    """
    spec = request.pod.get("spec") or {}
    volumes = {volume.get("name"): volume for volume in spec.get("volumes") or []}
    configmaps = _by_name(request.configmaps)
    secrets = _by_name(request.secrets)
    projected = _by_name(request.projectedvolumesmaps)

    def entry(container: JsonObject) -> RetrievedContainer:
        mounted = [volumes.get(mount.get("name"), {}) for mount in container.get("volumeMounts") or []]
        return RetrievedContainer(
            name=container.get("name", ""),
            configMaps=_found(configmaps, (_source(v, "configMap", "name") for v in mounted)),
            secrets=_found(secrets, (_source(v, "secret", "secretName") for v in mounted)),
            projectedvolumemaps=_found(projected, (v.get("name") for v in mounted if _is_projected(v))),
        )

    return [entry(container) for kind in kinds for container in spec.get(kind) or []]


def _by_name(objects: list[JsonObject] | None) -> dict[str, JsonObject]:
    return {(found.get("metadata") or {}).get("name", ""): found for found in objects or []}


def _source(volume: JsonObject, kind: str, key: str) -> str | None:
    name: str | None = (volume.get(kind) or {}).get(key)
    return name


def _is_projected(volume: JsonObject) -> bool:
    # the virtual kubelet resolves downwardAPI volumes and sends them as projected ones
    return "projected" in volume or "downwardAPI" in volume


def _found(objects: dict[str, JsonObject], names: Iterable[str | None]) -> list[JsonObject] | None:
    found = [objects[name] for name in names if name is not None and name in objects]
    return found or None


def too_large(containers: Sequence[RetrievedContainer], size: int) -> str:
    """Why a create of `size` bytes was too large for the plugin, naming what takes most of it.

    An object is sent along once for each container that mounts it, so that a create can be much larger than what came in.
    """
    weights, times = Counter[str](), Counter[str]()
    for container in containers:
        for kind in ("configMaps", "secrets", "projectedvolumemaps"):
            for found in getattr(container, kind) or []:
                name = f"{_KINDS[kind]} {(found.get('metadata') or {}).get('name', '')}"
                weights[name] += len(encode(found))
                times[name] += 1
    largest = [f"{name}: {weight >> 10} KiB in {times[name]} container(s)" for name, weight in weights.most_common(3)]
    what = f" ({'; '.join(largest)})" if largest else ""
    return (
        f"the pod with a copy of each object for each container that mounts it is {size >> 10} KiB{what}, which is more than "
        "the site takes: mount less, or have the administrator raise the plugin's body limit"
    )


_KINDS = {"configMaps": "ConfigMap", "secrets": "Secret", "projectedvolumemaps": "projected volume"}
