"""The virtual nodes, for what their sites offer: read when somebody asks, and not again for a while."""

import time
from collections.abc import Callable

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from offload_backend.core.pod import JsonObject

REMEMBERED_SECONDS = 30.0

log = get_logger(__name__)


class Nodes:
    def __init__(self, api: ApiServer, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[float, JsonObject | None]] = {}

    async def get(self, name: str) -> JsonObject | None:
        """The Node object; what was last known while the API server is away; None if it is not there."""
        asked, node = self._known.get(name, (float("-inf"), None))
        if self._clock() - asked < REMEMBERED_SECONDS:
            return node
        try:
            node = await self._api.get(f"/api/v1/nodes/{name}")
        except ApiError as error:
            if error.absent:
                node = None
            log.warning("node.unread", node=name, status=error.status, error=error.message)
        self._known[name] = (self._clock(), node)
        return node
