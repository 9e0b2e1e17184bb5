"""Asks the other side for job states and notes what changed; the pods concerned go to the work queue.

Also the way out of doubt: a pod that may or may not have been handed over is asked for like the others, and is free to be
handed over (again) when it was absent from enough answers.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
from interlink.protocol.errors import InterlinkError
from interlink.protocol.types import PodStatus
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.work_queue import WorkQueue
from virtual_kubelet.core.create_request import as_sent, slim
from virtual_kubelet.core.next_step import may_create_again
from virtual_kubelet.core.polling import BATCH, Cadence, batches, is_polled, is_told
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.model.known_pod import Absence, KnownPod, Stage

SINGLE_CALLS = 8
SOON = 0.2
RECREATE = Backoff(1.0, 60.0)
SILENCE_SECONDS = 300.0
SILENCE = "the site answers, but has said nothing of this pod for minutes; its last known state is shown"

log = get_logger(__name__)


class Poller:
    """One loop for all pods of the node. `wanted` is set by whoever can't go on without an answer."""

    def __init__(
        self,
        registry: Registry,
        remote: Remote,
        queue: WorkQueue,
        cadence: Cadence,
        wanted: asyncio.Event,
        *,
        events: EventRecorder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._remote = remote
        self._queue = queue
        self._cadence = cadence
        self._events = events
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
            if len(asked) > 1 or error.http_status != 404:
                log.warning("poll.failed", pods=len(asked), error=error.reason[:500])
                return False
            statuses = []  # how some plugins say that they don't know the one pod asked for
        metrics.LAST_POLL.set_to_current_time()
        told = {status.UID: status for status in statuses if status.UID}
        changed = [self._told(pod, told[pod.uid]) if pod.uid in told else self._absent(pod) for pod in asked]
        return any(changed)

    def _told(self, pod: KnownPod, status: PodStatus) -> bool:
        text = msgspec.json.encode(status)
        if pod.stage is Stage.UNSURE and not is_told(status):
            return self._absent(pod)
        pod.absence = None
        if text == pod.report and pod.stage is not Stage.UNSURE:
            return False
        pod.report = text
        if pod.stage is Stage.UNSURE:
            pod.stage = Stage.SUBMITTED
            pod.job_id = pod.job_id or status.JID or pod.uid
            log.info("pod.adopted", pod_uid=pod.uid, pod=pod.reference, job=pod.job_id)
        self._queue.add(pod.uid)
        return True

    def _absent(self, pod: KnownPod) -> bool:
        """Nothing was said of the pod. For one that was handed over that changes nothing; its owner is told in the end."""
        now = self._clock()
        absence = pod.absence = pod.absence or Absence(0, now)
        absence.count += 1
        if pod.stage is not Stage.UNSURE:
            if now - absence.first >= SILENCE_SECONDS:
                pod.absence = None
                self._events.pod(pod, "Warning", "ProviderSilent", SILENCE)
            return False
        if not may_create_again(absence, now, self._remote.idempotent):
            return False
        pod.stage, pod.absence = Stage.FRESH, None
        log.info("pod.unknown_there", pod_uid=pod.uid, pod=pod.reference, lost_creates=pod.lost_creates)
        if pod.lost_creates:
            self._queue.add_after(pod.uid, RECREATE.delay(pod.lost_creates - 1))
        else:
            self._queue.add(pod.uid)
        return True
