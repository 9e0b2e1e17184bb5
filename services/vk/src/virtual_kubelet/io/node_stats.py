"""The kubelet port's answers about usage: `/stats/summary`, `/metrics/resource`, and our own `/metrics`.

The site is asked when somebody asks us, at most every few seconds however many ask at once: its own numbers are older than that.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from aiohttp import web
from interlink.protocol.errors import InterlinkError
from interlink.protocol.types import PodUsage
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from service_runtime.logs import get_logger

from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.usage import NodeSample, OwnUsage, PodSample, UsageLedger, pod_sample
from virtual_kubelet.core.usage_summary import summary
from virtual_kubelet.core.usage_text import resource_metrics
from virtual_kubelet.model import pod as pods

FRESH_SECONDS = 5.0
TEXT = "text/plain; version=0.0.4; charset=utf-8"

log = get_logger(__name__)


class Measuring(Protocol):
    """Who can say what pods use."""

    @property
    def measures(self) -> bool: ...

    async def stats(self) -> list[PodUsage]:
        """Raises InterlinkError."""


class NodeStats:
    """One sample for all who ask within FRESH_SECONDS."""

    def __init__(
        self, node: str, registry: Registry, remote: Measuring, clock: Callable[[], float] = time.time
    ) -> None:
        self._node = node
        self._registry = registry
        self._remote = remote
        self._clock = clock
        self._started = clock()
        self._ledger = UsageLedger()
        self._sample: NodeSample | None = None
        self._lock = asyncio.Lock()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/stats/summary", self._summary)
        router.add_get("/metrics/resource", self._resource)
        router.add_get("/metrics", self._metrics)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _summary(self, _request: web.Request) -> web.Response:
        try:
            sample = await self.sample()
        except InterlinkError as error:
            return web.Response(status=503, text=f"the site can't be asked what its pods use: {error.reason}\n")
        return web.Response(body=msgspec.json.encode(summary(self._node, sample)), content_type="application/json")

    async def _resource(self, _request: web.Request) -> web.Response:
        try:
            text = resource_metrics(await self.sample())
        except InterlinkError as error:
            log.info("stats.failed", error=error.reason[:500])
            text = resource_metrics(None)
        return web.Response(body=text.encode(), headers={"Content-Type": TEXT})

    async def sample(self) -> NodeSample:
        """The usage now, or a moment ago. Raises InterlinkError."""
        async with self._lock:
            now = self._clock()
            if self._sample is None or now - self._sample.taken >= FRESH_SECONDS:
                told = await self._remote.stats() if self._remote.measures else []
                found = (self._named(usage) for usage in told)
                own = OwnUsage(time.process_time(), _resident_bytes(), self._started)
                pods_told = [pod for pod in found if pod is not None]
                self._sample = self._ledger.sample(pods_told, own, now, self._is_held)
            return self._sample

    def _is_held(self, uid: str) -> bool:
        return self._registry.get(uid) is not None

    def _named(self, usage: PodUsage) -> PodSample | None:
        """A pod that is ours and runs; the site may tell of others."""
        known = self._registry.get(usage.UID)
        if known is None or known.gone or known.phase != "Running":
            return None
        containers = frozenset(container["name"] for container in pods.all_containers(known.pod()))
        return pod_sample(usage, known.namespace, known.name, containers)


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
