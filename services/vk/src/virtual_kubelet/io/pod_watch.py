"""Follows the pods of one node: only those bound to it are ever asked for (the field selector `spec.nodeName`)."""

from collections.abc import AsyncIterator, Callable

from kubernetes_client.answer import JsonObject
from kubernetes_client.api import ApiServer
from kubernetes_client.watch import Watch

from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model import pod as pods

PODS = "/api/v1/pods"


class PodWatch(Watch):
    """Keeps `registry` in step with the API server and tells `changed(uid)` what moved."""

    def __init__(self, api: ApiServer, node: str, registry: Registry, changed: Callable[[str], None]) -> None:
        super().__init__(api, PODS, fieldSelector=f"spec.nodeName={node}")
        self._registry = registry
        self._changed = changed

    async def take_list(self, found: AsyncIterator[JsonObject]) -> None:
        uids = [self._registry.seen(pod) async for pod in found]
        for uid in [*uids, *self._registry.listed(uids)]:
            self._changed(uid)

    def seen(self, found: JsonObject) -> None:
        self._changed(self._registry.seen(found))

    def gone(self, found: JsonObject) -> None:
        uid = self._registry.vanished(pods.uid(found))
        if uid is not None:
            self._changed(uid)
