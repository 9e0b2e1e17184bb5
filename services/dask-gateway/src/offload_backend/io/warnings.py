"""Kubernetes' warnings about pods (events): why a pod waits whose status doesn't say it, as for a volume."""

import time
from collections.abc import Callable

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

REMEMBERED_SECONDS = 10.0
MOST = 500
_LONGEST = 500

log = get_logger(__name__)


class Warnings:
    """One list for all pods of the namespace, however many ask."""

    def __init__(self, api: ApiServer, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/events"
        self._clock = clock
        self._asked = float("-inf")
        self._known: dict[str, str] = {}

    async def by_uid(self) -> dict[str, str]:
        """The latest warning of each pod that has one; what was last known where it can't be asked."""
        if self._clock() - self._asked < REMEMBERED_SECONDS:
            return self._known
        self._asked = self._clock()
        try:
            found = await self._api.get(self._path, fieldSelector="involvedObject.kind=Pod,type=Warning", limit=MOST)
        except ApiError as error:
            log.warning("events.unread", status=error.status, error=error.message)
            return self._known
        events = sorted(found.get("items") or [], key=lambda event: event.get("lastTimestamp") or "")
        self._known = {
            str(event["involvedObject"].get("uid")): f"{event.get('reason')}: {event.get('message')}"[:_LONGEST]
            for event in events
        }
        return self._known
