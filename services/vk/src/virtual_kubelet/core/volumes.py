"""Volumes that the API server holds the content of: ConfigMaps, Secrets, projected and downward API volumes.

A ConfigMap or Secret volume travels as the whole object; the plugin picks items and modes by the pod's specification. A projected
or downward API volume travels as a map from path to content under the volume's name.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from virtual_kubelet.core.field_reference import FieldReferenceError, NodeFacts, field_value, resource_value
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore, binary_data
from virtual_kubelet.model.pod import JsonObject

ROOT_CA = "kube-root-ca.crt"
_SOURCES = frozenset({"configMap", "secret", "downwardAPI", "serviceAccountToken"})


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """What of a pod's volumes is carried to the site."""

    projected: bool = True
    """False: projected volumes are left out altogether (DisableProjectedVolumes)."""
    api_token: bool = False
    """Carry the token for the Kubernetes API that every pod has by default; else that volume is left out."""
    root_ca: str = ""
    """PEM text that takes the place of ca.crt in kube-root-ca.crt."""


def is_api_token(volume: JsonObject) -> bool:
    """Is this the volume that the API server's ServiceAccount admission adds to every pod? A user's own of such a name has a token
    for somebody else, or lacks the cluster's certificate."""
    found = (volume.get("projected") or {}).get("sources") or []
    tokens = [source["serviceAccountToken"] for source in found if "serviceAccountToken" in source]
    return (
        volume["name"].startswith("kube-api-access-")
        and bool(tokens)
        and not any(token.get("audience") for token in tokens)
        and any((source.get("configMap") or {}).get("name") == ROOT_CA for source in found)
    )


def is_carried(volume: JsonObject, policy: VolumePolicy) -> bool:
    """Does the volume reach the site, or is it left out with its mounts?"""
    if "projected" not in volume:
        return True
    return policy.projected and (policy.api_token or not is_api_token(volume))


def sources(volume: JsonObject) -> list[JsonObject]:
    """The sources of a projected volume; a downward API volume is a projected one with one source."""
    if "downwardAPI" in volume:
        return [{"downwardAPI": {"items": volume["downwardAPI"].get("items") or []}}]
    return (volume.get("projected") or {}).get("sources") or []


def token_requests(pod: JsonObject, policy: VolumePolicy) -> Iterator[tuple[str, JsonObject]]:
    """Volume name and `serviceAccountToken` source of each token that the pod asks for."""
    for volume in pod["spec"].get("volumes") or []:
        if is_carried(volume, policy):
            for source in sources(volume):
                if "serviceAccountToken" in source:
                    yield volume["name"], source["serviceAccountToken"]


def whole_objects(pod: JsonObject, store: ObjectStore) -> tuple[list[JsonObject], list[JsonObject]]:
    """The ConfigMaps and the Secrets that volumes of the pod name, each once. Raises MissingObjectError."""
    found: dict[ObjectName, JsonObject] = {}
    for volume in pod["spec"].get("volumes") or []:
        for name, reference in _object_of(volume):
            value = _from_volume(volume["name"], name, reference, store)
            if value is not None:
                found[name] = value
    return [v for n, v in found.items() if n.kind == "configmap"], [v for n, v in found.items() if n.kind == "secret"]


def _object_of(volume: JsonObject) -> Iterator[tuple[ObjectName, JsonObject]]:
    if "configMap" in volume:
        yield ObjectName("configmap", volume["configMap"].get("name", "")), volume["configMap"]
    if "secret" in volume:
        yield ObjectName("secret", volume["secret"].get("secretName", "")), volume["secret"]


def _from_volume(volume: str, name: ObjectName, reference: JsonObject, store: ObjectStore) -> JsonObject | None:
    """The object, if it has all the keys that the volume asks for."""
    optional = bool(reference.get("optional"))
    try:
        found = store.get(name, optional)
    except MissingObjectError as error:
        raise _failed_mount(volume, str(error)) from error
    if found is None or optional:
        return found
    present = {*(found.get("data") or {}), *(found.get("binaryData") or {})}
    for item in reference.get("items") or []:
        if item["key"] not in present:
            raise _failed_mount(volume, f'{name.kind} "{name.name}" references non-existent key: {item["key"]}')
    return found


def _failed_mount(volume: str, why: str) -> MissingObjectError:
    return MissingObjectError(
        f'MountVolume.SetUp failed for volume "{volume}" : {why}', reason="ContainerCreating", event="FailedMount"
    )


def projected_map(
    pod: JsonObject, volume: JsonObject, store: ObjectStore, node: NodeFacts, policy: VolumePolicy
) -> JsonObject:
    """A projected or downward API volume as `{"metadata": {"name": VOLUME}, "data": {PATH: CONTENT}}`.

    Content that is no text goes to `binaryData` in base64, as in a ConfigMap. Raises MissingObjectError.
    """
    files: dict[str, bytes] = {}
    for source in sources(volume):
        files |= _source_files(pod, volume["name"], source, store=store, node=node, policy=policy)
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, content in files.items():
        try:
            text[path] = content.decode()
        except UnicodeDecodeError:
            binary[path] = base64.b64encode(content).decode()
    made: JsonObject = {"metadata": {"name": volume["name"], "creationTimestamp": None}, "data": text}
    return made | ({"binaryData": binary} if binary else {})


def _source_files(
    pod: JsonObject, volume: str, source: JsonObject, *, store: ObjectStore, node: NodeFacts, policy: VolumePolicy
) -> dict[str, bytes]:
    if "serviceAccountToken" in source:
        path = source["serviceAccountToken"]["path"]
        return {path: store.tokens[volume, path].encode()}
    if "downwardAPI" in source:
        try:
            return {i["path"]: _downward(pod, i, node) for i in source["downwardAPI"].get("items") or []}
        except FieldReferenceError as error:
            raise _failed_mount(volume, str(error)) from error
    for key, kind in (("configMap", "configmap"), ("secret", "secret")):
        if key in source:
            name = ObjectName("secret" if kind == "secret" else "configmap", source[key].get("name", ""))
            found = _from_volume(volume, name, source[key], store)
            return _picked(name, source[key], found, policy) if found is not None else {}
    unknown = ", ".join(sorted(set(source) - _SOURCES)) or "nothing"
    raise _failed_mount(volume, f"a projected source of kind {unknown} can't be carried to the site")


def _picked(name: ObjectName, reference: JsonObject, found: JsonObject, policy: VolumePolicy) -> dict[str, bytes]:
    values = binary_data(name.kind, found)
    if policy.root_ca and name == ("configmap", ROOT_CA) and "ca.crt" in values:
        values["ca.crt"] = policy.root_ca.encode()
    items = reference.get("items")
    if not items:
        return values
    return {item["path"]: values[item["key"]] for item in items if item["key"] in values}


def _downward(pod: JsonObject, item: JsonObject, node: NodeFacts) -> bytes:
    if "fieldRef" in item:
        return field_value(pod, item["fieldRef"].get("fieldPath", ""), node).encode()
    return resource_value(pod, {}, item.get("resourceFieldRef") or {}, node).encode()
