"""Follows the pods of this gateway: a whole list first, then a watch that is resumed where it broke.

One watch for all pods, however many there are. While the API server is away, what was last known stands: absence is no evidence of
an end.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from offload_backend.core import names
from offload_backend.core.pod import JsonObject
from offload_backend.io.api import ApiError, ApiServer, decoded

PAGE = 500
WATCH_SECONDS = 480
IDLE_SECONDS = 150.0  # bookmarks come every minute or so: longer silence is a dead connection
SHORT_SECONDS = 1.0
_BACKOFF = Backoff(0.5, 30.0)

log = get_logger(__name__)

Changed = Callable[[JsonObject | None, JsonObject | None], None]
"""Called with a pod as it was, None if it is new, and as it is, None if it is gone."""


class WatchExpiredError(Exception):
    """The resourceVersion is too old to go on from."""


class PodWatch:
    """The pods by name, as the API server last told of them; `changed` hears of each difference, `listed` of whole lists."""

    def __init__(
        self, api: ApiServer, namespace: str, instance: str, changed: Changed, listed: Callable[[], None]
    ) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._selector = {"labelSelector": names.of_instance(instance)}
        self._changed = changed
        self._listed = listed
        self._pods: dict[str, JsonObject] = {}
        self._noted: dict[str, float] = {}
        self.synced = asyncio.Event()
        """Set once there was a whole list: only then is a pod that isn't here nowhere."""

    def get(self, name: str) -> JsonObject | None:
        return self._pods.get(name)

    def every(self) -> list[JsonObject]:
        return list(self._pods.values())

    def note(self, pod: JsonObject) -> None:
        """A pod that was just made; a list that was begun before doesn't have it."""
        name = pod["metadata"]["name"]
        self._noted[name] = time.monotonic()
        self._pods.setdefault(name, pod)

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
        begun, found = time.monotonic(), dict[str, JsonObject]()
        query = {"limit": PAGE, **self._selector}
        while True:
            page = await self._api.get(self._path, **query)
            found |= {pod["metadata"]["name"]: pod for pod in page.get("items") or []}
            follow = page["metadata"].get("continue")
            if not follow:
                break
            query["continue"] = follow
        for name in set(self._pods) - set(found):
            if self._noted.get(name, 0.0) < begun:
                self._gone(name)
        for pod in found.values():
            self._seen(pod)
        self._listed()
        log.info("watch.listed", pods=len(found))
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
        rest = b""
        async for chunk in self._api.stream(self._path, query, IDLE_SECONDS):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(None, lines):
                event = decoded(line)
                found: JsonObject = event["object"]
                if event["type"] == "ERROR":
                    if found.get("code") == 410:
                        raise WatchExpiredError
                    raise ApiError(found.get("code") or 0, found.get("message") or "unknown error in a watch")
                if event["type"] == "DELETED":
                    self._gone(found["metadata"]["name"], found)
                elif event["type"] in ("ADDED", "MODIFIED"):
                    self._seen(found)
                yield found["metadata"]["resourceVersion"]

    def _seen(self, pod: JsonObject) -> None:
        name = pod["metadata"]["name"]
        before = self._pods.get(name)
        self._pods[name] = pod
        self._noted.pop(name, None)
        if before is None or before["metadata"].get("resourceVersion") != pod["metadata"].get("resourceVersion"):
            self._changed(before, pod)

    def _gone(self, name: str, last: JsonObject | None = None) -> None:
        before = self._pods.pop(name, None)
        self._noted.pop(name, None)
        if before is not None or last is not None:
            self._changed(last or before, None)
