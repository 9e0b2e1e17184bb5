"""The ConfigMaps, Secrets and claims that a pod names, as far as they exist, and what else of the cluster it needs."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from virtual_kubelet.model.pod import JsonObject

Kind = Literal["configmap", "secret", "persistentvolumeclaim"]


class ObjectName(NamedTuple):
    """A ConfigMap, Secret or PersistentVolumeClaim of the pod's namespace."""

    kind: Kind
    name: str


class MissingObjectError(Exception):
    """Something that the pod needs isn't there (yet), so it waits.

    `reason` is how a kubelet calls that state of a container, `event` how it calls the event that it writes.
    """

    def __init__(self, message: str, reason: str = "CreateContainerConfigError", event: str = "Failed") -> None:
        super().__init__(message)
        self.reason = reason
        self.event = event


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """What was fetched for one pod; None stands for an object that the API server does not have."""

    namespace: str
    objects: Mapping[ObjectName, JsonObject | None]
    tokens: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Service account tokens by volume name and path."""
    bound: Mapping[str, JsonObject] = field(default_factory=dict)
    """PersistentVolumes of the claims, by name."""
    pull_secrets: Sequence[JsonObject] = ()
    """Those of the pod's imagePullSecrets that exist, in its order."""
    services: Sequence[JsonObject] = ()
    """Services of the pod's namespace and the API server's, where pods are told of them."""
    renew_at: float | None = None
    """When the first of them is to be renewed, in Unix seconds."""
    unreadable: Mapping[ObjectName, str] = field(default_factory=dict)
    """Objects that may not be read, and why; nobody knows whether they exist."""

    def get(self, name: ObjectName, optional: bool) -> JsonObject | None:
        """The object; None if it is absent and may be. Raises MissingObjectError."""
        found = self.objects.get(name)
        if name in self.unreadable:
            raise MissingObjectError(self.unreadable[name])
        if found is None and not optional:
            raise MissingObjectError(f'{name.kind} "{name.name}" not found')
        return found

    def key(self, name: ObjectName, key: str, optional: bool) -> str | None:
        """One value as text, for an environment variable. Raises MissingObjectError."""
        found = self.get(name, optional)
        if found is None:
            return None
        values = text_data(name.kind, found, only=key)
        if key in values:
            return values[key]
        if optional:
            return None
        kind = "ConfigMap" if name.kind == "configmap" else "Secret"
        raise MissingObjectError(f"couldn't find key {key} in {kind} {self.namespace}/{name.name}")


def text_data(kind: Kind, found: JsonObject, only: str | None = None) -> dict[str, str]:
    """The values (or that of the key `only`) as text, sorted by key. Raises MissingObjectError for what is no UTF-8."""
    data = found.get("data") or {}
    values = {key: data[key] for key in sorted(data) if only is None or key == only}
    if kind == "configmap":
        return values
    try:
        return {key: _decoded(value).decode() for key, value in values.items()}
    except UnicodeDecodeError as error:
        secret = found.get("metadata", {}).get("name", "")
        raise MissingObjectError(
            f'secret "{secret}" holds bytes that are no UTF-8 text, which no variable can'
        ) from error


def binary_data(kind: Kind, found: JsonObject) -> dict[str, bytes]:
    """All values as the bytes of the files that they become in a volume."""
    if kind == "secret":
        return {key: _decoded(value) for key, value in (found.get("data") or {}).items()}
    values = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return values | {key: _decoded(value) for key, value in (found.get("binaryData") or {}).items()}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError):
        return b""  # the API server admits only base64
