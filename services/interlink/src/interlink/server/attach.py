"""What each container of a pod mounts: the objects that came with a create, sorted to the containers that use them."""

from collections.abc import Iterable

from interlink.protocol.types import CreateRequest, JsonObject, RetrievedContainer


def attach_volumes(request: CreateRequest) -> list[RetrievedContainer]:
    """One entry per init container, then one per container, with the objects behind its volume mounts.

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

    return [entry(c) for c in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]]


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
