"""What KubeSpawner asks of Kubernetes until a pod is sent, which ends a start here: the real calls, without a server."""

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kubernetes_asyncio.client import V1ObjectMeta, V1PersistentVolumeClaim
from kubernetes_asyncio.client.rest import ApiException

Object = dict[str, Any]


class Sent(Exception):
    """A pod was sent."""


@dataclass
class Cluster:
    api_client: Any
    claims: dict[str, V1PersistentVolumeClaim] = field(default_factory=dict)
    pods: list[Object] = field(default_factory=list)
    may_patch: bool = True

    def has_claim(self, name: str, made: datetime, **annotations: str) -> None:
        metadata = V1ObjectMeta(name=name, creation_timestamp=made, annotations=annotations or None)
        self.claims[name] = V1PersistentVolumeClaim(metadata=metadata)

    def annotations(self, claim: str) -> dict[str, str]:
        found: dict[str, str] = self.claims[claim].metadata.annotations or {}
        return found

    async def create_namespaced_pod(self, _namespace: str, pod: Any) -> None:
        self.pods.append(self.api_client.sanitize_for_serialization(pod))
        raise Sent

    async def create_namespaced_persistent_volume_claim(self, namespace: str, body: Any) -> None:
        if body.metadata.name in self.claims:
            raise ApiException(status=409)
        body.metadata.creation_timestamp = datetime.now(UTC)
        self.claims[body.metadata.name] = body

    async def read_namespaced_persistent_volume_claim(self, name: str, namespace: str) -> V1PersistentVolumeClaim:
        if name not in self.claims:
            raise ApiException(status=404)
        return self.claims[name]

    async def patch_namespaced_persistent_volume_claim(self, name: str, _namespace: str, change: Object) -> None:
        if not self.may_patch:
            raise ApiException(status=403)
        metadata = self.claims[name].metadata
        metadata.annotations = {**(metadata.annotations or {}), **change["metadata"]["annotations"]}


def joined(spawner: Any) -> Cluster:
    """A cluster for the spawner, which has nothing in it."""
    spawner.api = Cluster(spawner.api.api_client)
    spawner._start_watching_pods = spawner._start_watching_events = _nothing
    cluster: Cluster = spawner.api
    return cluster


async def sent(spawner: Any) -> Object:
    """The pod that a start sends."""
    with contextlib.suppress(Sent):
        await spawner._start()
    return spawner.api.pods[-1]  # type: ignore[no-any-return]


async def _nothing() -> None:
    """In place of a reflector's start."""
