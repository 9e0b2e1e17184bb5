"""Follows the pods of one node: a whole list first, then a watch that is resumed where it broke.

Only pods bound to the node are ever asked for (the field selector `spec.nodeName`). A broken watch goes on from its last
resourceVersion; when that is too old (410) or anything else is odd, the list is taken again and what is missing from it has
vanished. Bookmarks keep the resourceVersion young while nothing happens.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.api import ApiError, ApiServer, decoded
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

PODS = "/api/v1/pods"
PAGE = 500
WATCH_SECONDS = 480
SHORT_SECONDS = 1.0
IDLE_SECONDS = 150.0  # bookmarks come every minute or so: longer silence is a dead connection
_BACKOFF = Backoff(0.5, 30.0)

log = get_logger(__name__)


class WatchExpiredError(Exception):
    """The resourceVersion is too old to go on from."""


class PodWatch:
    """Keeps `registry` in step with the API server and tells `changed(uid)` what moved."""

    def __init__(self, api: ApiServer, node: str, registry: Registry, changed: Callable[[str], None]) -> None:
        self._api = api
        self._selector = {"fieldSelector": f"spec.nodeName={node}"}
        self._registry = registry
        self._changed = changed
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list()
                    self.synced.set()
                begun = time.monotonic()
                async for seen in self._watch(version):
                    version, failures = seen, 0
                if time.monotonic() - begun < SHORT_SECONDS:
                    await asyncio.sleep(SHORT_SECONDS)  # ended by something in between, perhaps at once again
            except WatchExpiredError:
                log.info("watch.expired", version=version)
                version = ""
            except ApiError as error:
                log.warning("watch.broken", status=error.status, error=error.message)
                if error.status not in (0, 429) and error.status < 500:
                    version = ""
                await asyncio.sleep(_BACKOFF.delay(failures))
                failures += 1

    async def _list(self) -> str:
        """Take in all pods of the node, page by page; returns the list's resourceVersion."""
        uids: list[str] = []
        query = {"limit": PAGE, **self._selector}
        while True:
            page = await self._api.get(PODS, **query)
            for pod in page.get("items") or []:
                uids.append(self._registry.seen(pod))
                await asyncio.sleep(0)  # a page is some hundred pods: others get their turn
            follow = page["metadata"].get("continue")
            if not follow:
                break
            query["continue"] = follow
        for uid in [*uids, *self._registry.listed(uids)]:
            self._changed(uid)
        log.info("watch.listed", pods=len(uids))
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def _watch(self, version: str) -> AsyncIterator[str]:
        """Take in events; yields the resourceVersion to go on from after each."""
        lifetime = random.randint(WATCH_SECONDS // 2, WATCH_SECONDS)  # noqa: S311 - spreads reconnects
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": lifetime,
            **self._selector,
        }
        async for line in self._api.stream(PODS, IDLE_SECONDS, **query):
            event = decoded(line)
            found: JsonObject = event["object"]
            if event["type"] == "ERROR":
                if found.get("code") == 410:
                    raise WatchExpiredError
                raise ApiError(found.get("code") or 0, found.get("message") or "unknown error in a watch")
            version = found["metadata"]["resourceVersion"]
            self._take(event["type"], found)
            yield version

    def _take(self, kind: str, found: JsonObject) -> None:
        if kind == "DELETED":
            uid = self._registry.vanished(pods.uid(found))
            if uid is not None:
                self._changed(uid)
        elif kind in ("ADDED", "MODIFIED"):
            self._changed(self._registry.seen(found))
