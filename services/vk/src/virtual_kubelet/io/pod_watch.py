"""Follows the pods of one node: only those bound to it are ever asked for (the field selector `spec.nodeName`)."""

from collections.abc import AsyncIterator, Callable

from kubernetes_client.answer import JsonObject
from kubernetes_client.api import ApiServer
from kubernetes_client.watch import Watch

from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model import pod as pods

PODS = "/api/v1/pods"


class PodWatch(Watch):
    """Keeps `registry` in step with the API server and tells `changed(uid)` what moved, `mentioned(uid)` what shows no news.

    Most of the latter comes of our own writes: a pod that waits for its next try must not take one for a sign.
    """

    def __init__(
        self,
        api: ApiServer,
        node: str,
        registry: Registry,
        changed: Callable[[str], None],
        mentioned: Callable[[str], None],
    ) -> None:
        super().__init__(api, PODS, fieldSelector=f"spec.nodeName={node}")
        self._registry = registry
        self._changed = changed
        self._mentioned = mentioned

    async def take_list(self, found: AsyncIterator[JsonObject]) -> None:
        told = {pods.uid(pod): self._registry.watched(pod) async for pod in found}
        vanished = self._registry.listed(told)
        for uid, news in told.items():
            self._tell(uid, news)
        for uid in vanished:
            self._changed(uid)

    def seen(self, found: JsonObject) -> None:
        self._tell(pods.uid(found), self._registry.watched(found))

    def gone(self, found: JsonObject) -> None:
        uid = self._registry.vanished(pods.uid(found))
        if uid is not None:
            self._changed(uid)

    def _tell(self, uid: str, news: bool) -> None:
        (self._changed if news else self._mentioned)(uid)
