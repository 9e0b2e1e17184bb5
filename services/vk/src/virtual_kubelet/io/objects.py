"""Fetches the ConfigMaps, Secrets, claims and tokens that a pod names, and Services where the node tells of them.

Nothing is cached, since a pod must see what its owner wrote before creating it. But pods created together name the same
objects: who asks while a request for the same object is under way shares the next one, so a burst of pods costs a few.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypedDict
from weakref import WeakValueDictionary

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer

from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.service_variables import MASTER
from virtual_kubelet.core.timestamp import unix_time
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

_Key: TypeAlias = tuple[str, ObjectName]
RENEWED_AT = 0.8  # of a token's life, as a kubelet renews them, and after a day at the latest
LONGEST_USE = 86400.0
_PLURAL = {"configmap": "configmaps", "secret": "secrets", "persistentvolumeclaim": "persistentvolumeclaims"}


class _Token(NamedTuple):
    text: str
    renew_at: float


class Tokens(TypedDict):
    """As they stand in an ObjectStore."""

    tokens: dict[tuple[str, str], str]
    renew_at: float | None


class ObjectReader:
    """Reads objects of the namespaces that vk may read (`namespaces` empty: of any).

    With `service_links`, Services too: such a node's jobs reach cluster addresses.
    """

    def __init__(self, api: ApiServer, namespaces: Iterable[str], service_links: bool = False) -> None:
        self._api = api
        self._service_links = service_links
        self._namespaces = frozenset(namespaces)
        self._coming: dict[_Key, asyncio.Future[JsonObject | None]] = {}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def fetch(
        self, pod: JsonObject, names: Iterable[ObjectName], tokens: Iterable[tuple[str, JsonObject]]
    ) -> ObjectStore:
        """Everything that exists of what the pod names. Raises MissingObjectError if vk may not look, ApiError."""
        namespace = pods.namespace(pod)
        wanted, asked = sorted(names), list(tokens)
        if wanted or asked:
            self._check(namespace)
        objects = {name: await self.read(namespace, name) for name in wanted}
        return ObjectStore(
            namespace,
            objects,
            bound=await self._bound_volumes(objects),
            pull_secrets=await self._pull_secrets(pod),
            services=await self._services(namespace) if self._service_links else (),
            **await self.tokens(pod, asked),
        )

    def _check(self, namespace: str) -> None:
        """Raises MissingObjectError."""
        if self._namespaces and namespace not in self._namespaces:
            raise MissingObjectError(
                f'pods on this node may not use ConfigMaps, Secrets, claims and tokens of namespace "{namespace}"; an '
                "administrator of the node can allow it (Namespaces in the virtual kubelet's configuration)"
            )

    async def fetch_readable(self, pod: JsonObject, names: Iterable[ObjectName]) -> ObjectStore:
        """What of these objects may be read, for a pod that runs already: none of them holds up another. Raises ApiError."""
        found: dict[ObjectName, JsonObject | None] = {}
        unreadable: dict[ObjectName, str] = {}
        for name in sorted(names):
            try:
                found[name] = await self.read(pods.namespace(pod), name)
            except MissingObjectError as error:
                unreadable[name] = str(error)
        return ObjectStore(pods.namespace(pod), found, unreadable=unreadable)

    async def _bound_volumes(self, objects: Mapping[ObjectName, JsonObject | None]) -> dict[str, JsonObject]:
        """The volumes behind claims. Where vk may not read them a claim is known by its class and name alone."""
        claims = [found for name, found in objects.items() if name.kind == "persistentvolumeclaim" and found]
        bound: dict[str, JsonObject] = {}
        for volume in filter(None, (claim["spec"].get("volumeName") for claim in claims)):
            try:
                bound[volume] = await self._api.get(f"/api/v1/persistentvolumes/{volume}")
            except ApiError as error:
                if not error.absent and error.status != 403:
                    raise
        return bound

    async def _pull_secrets(self, pod: JsonObject) -> list[JsonObject]:
        """As under a kubelet, pulling is tried without those that can't be read."""
        namespace = pods.namespace(pod)
        if self._namespaces and namespace not in self._namespaces:
            return []
        found = []
        for name in (reference.get("name", "") for reference in pod["spec"].get("imagePullSecrets") or []):
            with contextlib.suppress(MissingObjectError):
                found.append(await self.read(namespace, ObjectName("secret", name)) if name else None)
        return [secret for secret in found if secret is not None]

    async def _services(self, namespace: str) -> list[JsonObject]:
        try:
            listed = (await self._api.get(f"/api/v1/namespaces/{namespace}/services")).get("items") or []
            if namespace != MASTER[0]:
                listed = [await self._api.get(f"/api/v1/namespaces/{MASTER[0]}/services/{MASTER[1]}"), *listed]
        except ApiError as error:
            if error.status == 403:
                raise MissingObjectError(
                    f'the virtual kubelet may not read Services of namespace "{namespace}", which ServiceLinks needs'
                ) from error
            raise
        return listed

    async def tokens(self, pod: JsonObject, asked: Iterable[tuple[str, JsonObject]]) -> Tokens:
        """New tokens for the volumes that ask for them. Raises MissingObjectError, ApiError."""
        asked = list(asked)
        if asked:
            self._check(pods.namespace(pod))
        made = {(volume, source["path"]): await self._token(pod, source) for volume, source in asked}
        renewals = [token.renew_at for token in made.values()]
        return {"tokens": {key: token.text for key, token in made.items()}, "renew_at": min(renewals, default=None)}

    async def read(self, namespace: str, name: ObjectName) -> JsonObject | None:
        """The object without managedFields; None if there is none. Raises MissingObjectError if vk may not look, ApiError."""
        self._check(namespace)
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
