"""The other side as the controllers see it: interLink calls, counted, with deadlines, and the features it announced."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from interlink.protocol.client import InterlinkClient, Ping
from interlink.protocol.errors import InterlinkError, LostTrack
from interlink.protocol.features import EXEC, LIST, RETRY_CREATE, STATS, STATUS_BATCH, UPDATE, WATCH
from interlink.protocol.types import CreateReply, CreateRequest, PodStatus, PodUsage
from interlink.protocol.watch import Change

from virtual_kubelet import metrics
from virtual_kubelet.model.pod import JsonObject

STATUS_SECONDS = 60.0
DELETE_SECONDS = 60.0
PING_SECONDS = 15.0
UPDATE_SECONDS = 60.0
STATS_SECONDS = 8.0  # metrics-server waits 10 s

T = TypeVar("T")


class Remote:
    """Calls to the interLink API server. Raises InterlinkError only."""

    def __init__(self, client: InterlinkClient, node: str, create_seconds: float) -> None:
        self._client = client
        self._node = node
        self._create_seconds = create_seconds
        self._features: frozenset[str] = frozenset()
        self.heard = False
        """Did the other side say what it offers, since this process began?"""

    @property
    def denies_by_404(self) -> bool:
        """Does a 404 mean that the other side doesn't know the pod? So say plugins of interLink 0.6.

        One that announces features doesn't; and before any answer nobody knows whether it is the site that speaks, or something in
        between.
        """
        return self.heard and not self._features

    @property
    def batches(self) -> bool:
        """May one status call ask for many pods, with metadata only?"""
        return STATUS_BATCH in self._features

    @property
    def lists(self) -> bool:
        """Can the server list all that it holds for this node?"""
        return LIST in self._features

    @property
    def idempotent(self) -> bool:
        """Can a create be repeated without making a second job?"""
        return RETRY_CREATE in self._features

    @property
    def executes(self) -> bool:
        """Can commands be run in containers?"""
        return EXEC in self._features

    @property
    def watches(self) -> bool:
        """Does the server tell of changes by itself?"""
        return WATCH in self._features

    @property
    def updates(self) -> bool:
        """Can the server give running pods new content?"""
        return UPDATE in self._features

    @property
    def measures(self) -> bool:
        """Does the server know what pods use?"""
        return STATS in self._features

    def watch(self, since: str) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Statuses as they change after the revision `since`."""
        return self._client.watch(self._node, since)

    async def create(self, request: CreateRequest) -> CreateReply:
        return await _timed("create", self._create_seconds, lambda: self._client.create(request))

    async def delete(self, pod: JsonObject) -> None:
        await _timed("delete", DELETE_SECONDS, lambda: self._client.delete(pod, absent_is_done=self.denies_by_404))

    async def status(self, pods: Sequence[JsonObject]) -> list[PodStatus]:
        return await _timed("status", STATUS_SECONDS, lambda: self._client.status(pods))

    async def update(self, request: CreateRequest) -> None:
        await _timed("update", UPDATE_SECONDS, lambda: self._client.update(request))

    async def stats(self) -> list[PodUsage]:
        return await _timed("stats", STATS_SECONDS, lambda: self._client.stats(self._node))

    async def list_pods(self) -> list[PodStatus]:
        return await _timed("list", STATUS_SECONDS, lambda: self._client.list_pods(self._node))

    async def ping(self) -> Ping:
        """Ask whether the whole chain is there, and take up the features it announces."""
        ping = await _timed("ping", PING_SECONDS, self._client.ping)
        self._features, self.heard = ping.features, True
        return ping


async def _timed(operation: str, seconds: float, call: Callable[[], Awaitable[T]]) -> T:
    begun = time.monotonic()
    outcome = "ok"
    try:
        async with asyncio.timeout(seconds):
            return await call()
    except TimeoutError as error:
        outcome = "LostTrack"
        raise LostTrack(f"{operation}: no answer within {seconds:.0f} s", 504) from error
    except InterlinkError as error:
        outcome = type(error).__name__
        raise
    finally:
        metrics.CALLS.labels(operation, outcome).inc()
        metrics.CALL_SECONDS.labels(operation).observe(time.monotonic() - begun)
