"""Fetches the ConfigMaps, Secrets and tokens that a pod names.

Nothing is cached, since a pod must see what its owner wrote before creating it. But pods created together name the same
objects: who asks while a request for the same object is under way shares the next one, so a burst of pods costs a few.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, TypedDict
from weakref import WeakValueDictionary

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer

from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.timestamp import unix_time
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

_Key: TypeAlias = tuple[str, ObjectName]
RENEWED_AT = 0.8  # of a token's life, as a kubelet renews them, and after a day at the latest
LONGEST_USE = 86400.0
_PLURAL = {"configmap": "configmaps", "secret": "secrets"}


class _Token(NamedTuple):
    text: str
    renew_at: float


class Tokens(TypedDict):
    """As they stand in an ObjectStore."""

    tokens: dict[tuple[str, str], str]
    renew_at: float | None


class ObjectReader:
    """Reads objects of the namespaces that vk may read (`namespaces` empty: of any)."""

    def __init__(self, api: ApiServer, namespaces: Iterable[str]) -> None:
        self._api = api
        self._namespaces = frozenset(namespaces)
        self._coming: dict[_Key, asyncio.Future[JsonObject | None]] = {}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def fetch(
        self, pod: JsonObject, names: Iterable[ObjectName], tokens: Iterable[tuple[str, JsonObject]]
    ) -> ObjectStore:
        """Everything that exists of what the pod names. Raises MissingObjectError if vk may not look, ApiError."""
        namespace = pods.namespace(pod)
        wanted, asked = sorted(names), list(tokens)
        if (wanted or asked) and self._namespaces and namespace not in self._namespaces:
            raise MissingObjectError(
                f'pods on this node may not use ConfigMaps, Secrets and tokens of namespace "{namespace}"; an administrator of '
                "the node can allow it (Namespaces in the virtual kubelet's configuration)"
            )
        objects = {name: await self.read(namespace, name) for name in wanted}
        return ObjectStore(namespace, objects, **await self.tokens(pod, asked))

    async def tokens(self, pod: JsonObject, asked: Iterable[tuple[str, JsonObject]]) -> Tokens:
        """New tokens for the volumes that ask for them. Raises MissingObjectError, ApiError."""
        made = {(volume, source["path"]): await self._token(pod, source) for volume, source in asked}
        renewals = [token.renew_at for token in made.values()]
        return {"tokens": {key: token.text for key, token in made.items()}, "renew_at": min(renewals, default=None)}

    async def read(self, namespace: str, name: ObjectName) -> JsonObject | None:
        """The object without managedFields; None if there is none. Raises MissingObjectError if vk may not look, ApiError."""
        key = (namespace, name)
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.ensure_future(self._in_turn(key))
        return await asyncio.shield(coming)

    async def _in_turn(self, key: _Key) -> JsonObject | None:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            # whoever asks from here on must not get an answer that may be older than the question
            del self._coming[key]
            return await self._get(*key)

    async def _get(self, namespace: str, name: ObjectName) -> JsonObject | None:
        try:
            found = await self._api.get(f"/api/v1/namespaces/{namespace}/{_PLURAL[name.kind]}/{name.name}")
        except ApiError as error:
            if error.absent:
                return None
            if error.status == 403:
                raise MissingObjectError(
                    f'the virtual kubelet may not read {name.kind} "{name.name}" of namespace "{namespace}"'
                ) from error
            raise
        found["metadata"].pop("managedFields", None)
        return {key: value for key, value in found.items() if key not in ("kind", "apiVersion")}

    async def _token(self, pod: JsonObject, source: JsonObject) -> _Token:
        """A token of the pod's service account, bound to the pod, for the audience and the time that the pod asks for."""
        namespace, account = pods.namespace(pod), pod["spec"].get("serviceAccountName") or "default"
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pods.name(pod), "uid": pods.uid(pod)}
        spec: JsonObject = {"boundObjectRef": bound, "expirationSeconds": source.get("expirationSeconds") or 3600}
        spec["audiences"] = [source["audience"]] if source.get("audience") else None
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        try:
            made = await self._api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body)
        except ApiError as error:
            if error.status in (403, 404):
                raise MissingObjectError(
                    f'no token for service account "{namespace}/{account}": {error.message}',
                    "ContainerCreating",
                    "FailedMount",
                ) from error
            raise
        now = time.time()
        ends = unix_time(made["status"].get("expirationTimestamp")) or now + spec["expirationSeconds"]
        return _Token(made["status"]["token"], now + min(RENEWED_AT * (ends - now), LONGEST_USE))
