"""Follows the pods of this gateway, and keeps them by name."""

import time
from collections.abc import AsyncIterator, Callable

from kubernetes_client.answer import JsonObject
from kubernetes_client.api import ApiServer
from kubernetes_client.watch import Watch

from offload_backend.core import names

Changed = Callable[[JsonObject | None, JsonObject | None], None]
"""Called with a pod as it was, None if it is new, and as it is, None if it is gone."""


class PodWatch(Watch):
    """The pods by name, as the API server last told of them; `changed` hears of each difference, `listed` of whole lists."""

    def __init__(
        self, api: ApiServer, namespace: str, instance: str, changed: Changed, listed: Callable[[], None]
    ) -> None:
        super().__init__(api, f"/api/v1/namespaces/{namespace}/pods", labelSelector=names.of_instance(instance))
        self._changed = changed
        self._listed = listed
        self._pods: dict[str, JsonObject] = {}
        self._noted: dict[str, float] = {}

    def get(self, name: str) -> JsonObject | None:
        return self._pods.get(name)

    def every(self) -> list[JsonObject]:
        return list(self._pods.values())

    def note(self, pod: JsonObject) -> None:
        """A pod that was just made; a list that was begun before doesn't have it."""
        name = pod["metadata"]["name"]
        self._noted[name] = time.monotonic()
        self._pods.setdefault(name, pod)

    async def take_list(self, found: AsyncIterator[JsonObject]) -> None:
        begun, present = time.monotonic(), set[str]()
        async for pod in found:
            present.add(pod["metadata"]["name"])
            self.seen(pod)
        for name in set(self._pods) - present:
            if self._noted.get(name, 0.0) < begun:
                self.gone(self._pods[name])
        self._listed()

    def seen(self, found: JsonObject) -> None:
        name = found["metadata"]["name"]
        before = self._pods.get(name)
        self._pods[name] = found
        self._noted.pop(name, None)
        if before is None or before["metadata"].get("resourceVersion") != found["metadata"].get("resourceVersion"):
            self._changed(before, found)

    def gone(self, found: JsonObject) -> None:
        name = found["metadata"]["name"]
        self._pods.pop(name, None)
        self._noted.pop(name, None)
        self._changed(found, None)
