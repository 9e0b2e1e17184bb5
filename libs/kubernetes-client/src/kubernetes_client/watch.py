"""Follows objects of the API server: a whole list first, then a watch that is resumed where it broke.

One watch for all objects of a selector, however many there are. A broken watch goes on from its last resourceVersion; when that
is too old (410) or anything else is odd, the list is taken again, and what is missing from it is gone. Bookmarks keep the
resourceVersion young while nothing happens. While the API server is away, what was last known stands: absence is no evidence of
an end.
"""

import asyncio
import contextlib
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from kubernetes_client.answer import ApiError, JsonObject, decoded
from kubernetes_client.api import ApiServer

PAGE = 500
WATCH_SECONDS = 480
SHORT_SECONDS = 1.0
IDLE_SECONDS = 150.0  # bookmarks come every minute or so: longer silence is a dead connection
_BACKOFF = Backoff(0.5, 30.0)

log = get_logger(__name__)


class Watch(ABC):
    """The objects at `path` that `selector` names. What is done with them is the subclass's, called from `run` alone."""

    def __init__(self, api: ApiServer, path: str, **selector: str) -> None:
        self._api = api
        self._path = path
        self._selector = selector
        self.synced = asyncio.Event()
        """Set once there was a whole list: only then is an object that isn't known nowhere."""

    @abstractmethod
    async def take_list(self, found: AsyncIterator[JsonObject]) -> None:
        """Take in a list. What it doesn't have is gone once `found` has ended; where it breaks off, `found` raises ApiError, and a
        new list comes later.
        """

    @abstractmethod
    def seen(self, found: JsonObject) -> None:
        """The object was made, or has changed."""

    @abstractmethod
    def gone(self, found: JsonObject) -> None:
        """The object, as it was last, is no more."""

    async def run(self) -> None:
        """Follow until cancelled."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list()
                    self.synced.set()
                begun = time.monotonic()
                async for reached in self._watch(version):
                    version, failures = reached, 0
                if time.monotonic() - begun < SHORT_SECONDS:
                    await asyncio.sleep(SHORT_SECONDS)  # ended by something in between, perhaps at once again
            except ApiError as error:
                log.warning("watch.broken", path=self._path, status=error.status, error=error.message)
                if not error.away:
                    version = ""
                await asyncio.sleep(_BACKOFF.delay(failures))
                failures += 1

    async def _list(self) -> str:
        """Have a whole list taken in; returns its resourceVersion."""
        pages = _Pages(self._api, self._path, self._selector)
        await self.take_list(pages.objects())
        log.info("watch.listed", path=self._path, objects=pages.count)
        return pages.version

    async def _watch(self, version: str) -> AsyncIterator[str]:
        """Hand on what happens; yields the resourceVersion to go on from after each event."""
        lifetime = random.randint(WATCH_SECONDS // 2, WATCH_SECONDS)  # noqa: S311 - spreads reconnects
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": lifetime,
            **self._selector,
        }
        async with contextlib.aclosing(self._api.lines(self._path, IDLE_SECONDS, **query)) as lines:
            async for line in lines:
                yield self._take(decoded(line))

    def _take(self, event: JsonObject) -> str:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise ApiError(found.get("code") or 0, found.get("message") or "unknown error in a watch")
        version: str = found["metadata"]["resourceVersion"]
        if kind == "DELETED":
            self.gone(found)
        elif kind in ("ADDED", "MODIFIED"):
            self.seen(found)
        return version


class _Pages:
    """One list, page by page; `version` is its resourceVersion once it has ended."""

    def __init__(self, api: ApiServer, path: str, selector: Mapping[str, str]) -> None:
        self._api = api
        self._path = path
        self._query: dict[str, Any] = {"limit": PAGE, **selector}
        self.version = ""
        self.count = 0

    async def objects(self) -> AsyncIterator[JsonObject]:
        while True:
            page = await self._api.get(self._path, **self._query)
            for found in page.get("items") or []:
                self.count += 1
                yield found
                await asyncio.sleep(0)  # a page is some hundred objects: others get their turn
            follow = page["metadata"].get("continue")
            if not follow:
                self.version = page["metadata"]["resourceVersion"]
                return
            self._query["continue"] = follow
