"""What of a running pod may change at the site, and how it is told that it did.

As under a kubelet that is the content of its ConfigMap, Secret, projected and downward API volumes (not where only a sub-path of
them is mounted, and not of objects that are immutable), its tokens before they end, and its activeDeadlineSeconds. Its environment
stays.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from interlink.protocol.types import CreateRequest

from virtual_kubelet.core.create_request import Translation, create_request
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.volumes import VolumePolicy, is_carried, sources, token_requests
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.delivered import Delivered
from virtual_kubelet.model.pod import JsonObject

_CONTENT = ("configMap", "secret", "projected", "downwardAPI")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the cluster's state a running pod depends on."""

    objects: frozenset[ObjectName]
    """Whose changes reach it."""
    own: bytes
    tokens: bool

    @property
    def nothing(self) -> bool:
        return not (self.objects or self.own or self.tokens)


def wanted(pod: JsonObject, policy: VolumePolicy) -> Wanted:
    """What `pod` depends on while it runs."""
    changing = [volume for volume in _content_volumes(pod, policy) if volume["name"] in _whole_mounts(pod)]
    told: list[Any] = []
    if any("downwardAPI" in source for volume in changing for source in sources(volume)):
        told = [pod["metadata"].get("labels"), pod["metadata"].get("annotations")]
    deadline = pod["spec"].get("activeDeadlineSeconds")
    own = _digest([told, deadline]) if told or deadline is not None else b""
    tokens = any(name in {v["name"] for v in changing} for name, _ in token_requests(pod, policy))
    return Wanted(frozenset(name for volume in changing for name in _objects_of(volume)), own, tokens)


def volume_objects(pod: JsonObject, policy: VolumePolicy) -> set[ObjectName]:
    """Every ConfigMap and Secret in the pod's volumes."""
    return {name for volume in _content_volumes(pod, policy) for name in _objects_of(volume)}


def _content_volumes(pod: JsonObject, policy: VolumePolicy) -> list[JsonObject]:
    volumes = pod["spec"].get("volumes") or []
    return [v for v in volumes if is_carried(v, policy) and any(kind in v for kind in _CONTENT)]


def _whole_mounts(pod: JsonObject) -> set[str]:
    """Volumes that a container mounts as a whole: a file below a sub-path stays what it was when it was mounted."""
    return {
        mount["name"]
        for container in pods.all_containers(pod)
        for mount in container.get("volumeMounts") or []
        if not mount.get("subPath") and not mount.get("subPathExpr")
    }


def _objects_of(volume: JsonObject) -> Iterator[ObjectName]:
    for holder in (volume, *sources(volume)):
        if "configMap" in holder:
            yield ObjectName("configmap", holder["configMap"].get("name", ""))
        if "secret" in holder:
            yield ObjectName("secret", holder["secret"].get("name") or holder["secret"].get("secretName", ""))


def update_request(pod: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation) -> CreateRequest:
    """The message for `/update`: a create's, less environments and volumes without files, which don't change. Raises
    MissingObjectError."""
    plain = replace(translation, api_address=None, job_script_builder="", service_links=False)
    reduced = without_environments(with_volumes(pod, _content_volumes(pod, translation.volumes)))
    return create_request(reduced, store, node, plain)


def without_environments(pod: JsonObject) -> JsonObject:
    """The pod with containers that have none."""
    spec = dict(pod["spec"])
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [{k: v for k, v in c.items() if k not in ("env", "envFrom")} for c in spec[kind]]
    return {**pod, "spec": spec}


@dataclass(frozen=True, slots=True)
class Contents:
    """What may change of a running pod, as it is now: digests as Delivered has them; and by volume why it can't be made now."""

    digests: Mapping[str, bytes]
    problems: Mapping[str, str]


def contents(pod: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation) -> Contents:
    """Each volume for itself, as a kubelet mounts them."""
    nameless = {(volume, source["path"]): "" for volume, source in token_requests(pod, translation.volumes)}
    store = replace(store, tokens=nameless)
    deadline = pod["spec"].get("activeDeadlineSeconds")
    digests = {} if deadline is None else {"": _digest(deadline)}
    problems: dict[str, str] = {}
    for volume in _content_volumes(pod, translation.volumes):
        try:
            digests[volume["name"]] = _content(update_request(with_volumes(pod, [volume]), store, node, translation))
        except MissingObjectError as error:
            problems[volume["name"]] = str(error)
    return Contents(digests, problems)


def with_volumes(pod: JsonObject, volumes: Iterable[JsonObject]) -> JsonObject:
    """The pod with these volumes alone."""
    return {**pod, "spec": {**pod["spec"], "volumes": list(volumes)}}


def delivered(pod: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation) -> Delivered:
    """What the pod has once it was sent all that can be made of `store`'s content."""
    policy = translation.volumes
    return Delivered(
        versions=dict(versions(volume_objects(pod, policy), store).items()),
        own=wanted(pod, policy).own,
        content=contents(pod, store, node, translation).digests,
        renew_at=store.renew_at,
    )


def versions(names: Iterable[ObjectName], store: ObjectStore) -> dict[ObjectName, str]:
    """The resourceVersions of those of these objects that can be read."""
    return {name: version_of(store.objects.get(name)) for name in names if name not in store.unreadable}


def version_of(found: JsonObject | None) -> str:
    """An object's resourceVersion; "" if there is none."""
    return str(found["metadata"].get("resourceVersion", "")) if found is not None else ""


def _content(request: CreateRequest) -> bytes:
    objects = [
        [kind, each["metadata"].get("name"), each.get("data"), each.get("binaryData")]
        for kind, found in (
            ("configmap", request.configmaps),
            ("secret", request.secrets),
            ("projected", request.projectedvolumesmaps),
        )
        for each in found or []
    ]
    return _digest(objects)


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).digest()
