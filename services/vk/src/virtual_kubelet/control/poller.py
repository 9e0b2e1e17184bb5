"""Asks the other side for job states: often where that is the only way to hear of changes, seldom beside a watch.

A pod that may or may not have been handed over is asked for like the others.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from interlink.protocol.errors import InterlinkError
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.hearing import Hearing
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.watcher import Watcher
from virtual_kubelet.core.create_request import as_sent, slim
from virtual_kubelet.core.polling import BATCH, Cadence, batches, is_polled
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod

SINGLE_CALLS = 8
SOON = 0.2
BESIDE_A_WATCH = 30.0
"""Seconds between polls while a watch tells of changes: they find what nobody speaks of."""

log = get_logger(__name__)


class Poller:
    """One loop for all pods of the node. `wanted` is set by whoever can't go on without an answer."""

    def __init__(
        self,
        registry: Registry,
        remote: Remote,
        hearing: Hearing,
        cadence: Cadence,
        wanted: asyncio.Event,
        *,
        watcher: Watcher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._remote = remote
        self._hearing = hearing
        self._cadence = cadence
        self._watcher = watcher
        self._clock = clock
        self._wanted = wanted
        self._single = asyncio.Semaphore(SINGLE_CALLS)

    async def run(self) -> None:
        """Poll until cancelled."""
        wait = self._cadence.minimum
        while True:
            metrics.POLL_WAIT.set(wait)
            await self._pause(wait)
            begun = self._clock()
            changed = await self.poll()
            wait = self._cadence.next_wait(wait, changed, self._clock() - begun)
            if self._watcher.live:
                wait = max(wait, BESIDE_A_WATCH)

    async def _pause(self, wait: float) -> None:
        """Wait, or until somebody asks; then still a moment, to gather what is asked together."""
        try:
            async with asyncio.timeout(wait):
                await self._wanted.wait()
                await asyncio.sleep(min(SOON, wait))
        except TimeoutError:
            pass
        self._wanted.clear()

    async def poll(self) -> bool:
        """Ask once for all; returns whether anything changed."""
        pods = [pod for pod in self._registry if is_polled(pod)]
        if not pods:
            return False
        if self._remote.batches:
            results = [await self._ask(batch) for batch in batches(pods, BATCH)]
        else:
            results = await asyncio.gather(*(self._ask_single(pod) for pod in pods))
        return any(results)

    async def _ask_single(self, pod: KnownPod) -> bool:
        async with self._single:
            return await self._ask([pod]) if is_polled(pod) else False

    async def _ask(self, asked: Sequence[KnownPod]) -> bool:
        if self._remote.batches:
            bodies = [slim(pod.namespace, pod.name, pod.uid) for pod in asked]
        else:
            bodies = [as_sent(pod.pod()) for pod in asked]
        try:
            statuses = await self._remote.status(bodies)
        except InterlinkError as error:
            if len(asked) > 1 or error.http_status != 404 or not self._remote.denies_by_404:
                log.warning("poll.failed", pods=len(asked), error=error.reason[:500])
                return False
            statuses = []  # how some plugins say that they don't know the one pod asked for
        metrics.LAST_POLL.set_to_current_time()
        told = {status.UID: status for status in statuses if status.UID}
        hearing = self._hearing
        changed = [hearing.told(pod, told[pod.uid]) if pod.uid in told else hearing.absent(pod) for pod in asked]
        return any(changed)
