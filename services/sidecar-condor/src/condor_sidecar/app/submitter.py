"""Puts accepted pods into the schedd's queue, many at a time.

A submission that failed before anything happened is tried again, with growing waits; a pod never ends because a schedd is
down. One whose outcome nobody saw makes its pods uncertain until a query has shown whether their jobs exist: only then,
and only if they don't, are they submitted again, as the next generation.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.health import Health
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.state import Stage
from condor_sidecar.core.submit_batch import Batch, batches
from condor_sidecar.io.journal import JournalError
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.io.schedd import Schedd, ScheddError
from condor_sidecar.model.calls import FailureKind
from condor_sidecar.model.job_ad import HOLD_SPOOLING, JobAd, JobStatus
from condor_sidecar.settings import Limits

GATHER_SECONDS = 0.1
"""How long a burst of creates is gathered before it is submitted."""
BATCH_BYTES = 32 << 20

log = get_logger(__name__)


class Submitter:
    """The submission loop; `wake` is set by whoever queues a pod, `look_soon` here when there is news to query."""

    def __init__(
        self,
        table: PodTable,
        schedd: Schedd,
        store: OutputStore,
        health: Health,
        *,
        limits: Limits,
        executable: Path,
        look_soon: asyncio.Event,
    ) -> None:
        self._table = table
        self._schedd = schedd
        self._store = store
        self._health = health
        self._limits = limits
        self._executable = executable
        self._backoff = Backoff(1, 60)
        self._failures = 0
        self._look_soon = look_soon
        self._closing = False
        self._submitting = asyncio.Lock()
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            await asyncio.sleep(GATHER_SECONDS)
            while not self._closing and (chosen := self._choose()):
                if not await self._submit(chosen):
                    await asyncio.sleep(self._backoff.delay(self._failures))
                    self._failures += 1
                else:
                    self._failures = 0
                    self._look_soon.set()

    async def finish(self) -> None:
        """Begin no further submission, and wait until the one under way has ended: broken off, it would cost its pods
        half a minute after the next start."""
        self._closing = True
        async with self._submitting:
            pass

    def _choose(self) -> list[Pod]:
        """The oldest queued pods that fit into a batch and under the cap of idle jobs."""
        waiting = sum(1 for pod in self._table.in_stage(Stage.PRESENT) if pod.ad is not None and not pod.ad.has_started)
        room = min(self._limits.batch, self._limits.idle_jobs - waiting)
        chosen: list[Pod] = []
        size = 0
        for pod in itertools.islice(self._queued(), max(0, room)):
            size += pod.payload_size or 0
            if chosen and (size > BATCH_BYTES or pod.alone or chosen[0].alone):
                break
            chosen.append(pod)
        return chosen

    def _queued(self) -> list[Pod]:
        now = time.monotonic()
        queued = [p for p in self._table.in_stage(Stage.QUEUED) if not p.deleting and p.not_before <= now]
        # a pod that a batch failed with goes alone, and after the others
        return sorted(queued, key=lambda pod: (pod.alone, pod.order))

    async def _submit(self, pods: Sequence[Pod]) -> bool:
        for pod in pods:
            pod.enter(Stage.SUBMITTING)
        try:
            async with self._submitting:
                return await self._send(pods)
        finally:
            for pod in pods:
                if pod.stage is Stage.SUBMITTING:  # something unexpected, or the end of this process
                    pod.enter(Stage.UNCERTAIN)

    async def _send(self, pods: Sequence[Pod]) -> bool:
        try:
            await self._mark_attempted([pod for pod in pods if not pod.record.attempted])
            payloads = await self._table.journal.payloads(pod.uid for pod in pods)
        except JournalError as error:
            log.error("submit.journal_failed", reason=str(error))
            self._back_to_queue(pods, str(error))
            return False
        folders = {pod.uid: self._store.sandbox(pod.uid) for pod in pods}
        by_uid = {pod.uid: pod for pod in pods}
        good = True
        texts = {uid: str(folder) for uid, folder in folders.items()}
        try:
            for batch in batches([pod.record for pod in pods], self._schedd.instance, str(self._executable), texts):
                members = [by_uid[record.uid] for record in batch.records]
                good &= await self._submit_batch(batch, members, folders, payloads)
        finally:
            await asyncio.to_thread(self._store.remove_payloads, folders)
        return good

    async def _submit_batch(
        self, batch: Batch, pods: Sequence[Pod], folders: dict[str, Path], payloads: dict[str, bytes]
    ) -> bool:
        try:
            done = await self._schedd.submit(
                batch, [folders[pod.uid] for pod in pods], [payloads[pod.uid] for pod in pods]
            )
        except ScheddError as error:
            self._failed(pods, error)
            # a refused pod waits by itself, and holds up nobody
            return error.kind is FailureKind.REFUSED
        now = int(self._table.now())
        for number, pod in enumerate(pods):
            ad = JobAd(
                cluster=done.cluster,
                proc=done.first_proc + number,
                uid=pod.uid,
                status=JobStatus.HELD,
                hold_code=HOLD_SPOOLING,
                generation=pod.record.generation,
                entered_status=now,
            )
            # a query may have seen the job before its input was there: then it needn't be shown again
            pod.unseen = ad.job_id not in pod.jobs
            pod.ad = pod.jobs.setdefault(ad.job_id, ad)
            pod.alone = False
            pod.note = ""
            pod.enter(Stage.PRESENT)
            self._table.show(pod)
            log.info("pod.submitted", pod_uid=pod.uid, job=ad.job_id, request=pod.record.request)
        metrics.SUBMITTED.inc(len(pods))
        return True

    def _failed(self, pods: Sequence[Pod], error: ScheddError) -> None:
        metrics.SUBMIT_RETRIES.inc()
        reason = self._health.explain(error)
        log.warning("submit.failed", pods=len(pods), kind=error.kind.value, reason=reason, pod_uid=pods[0].uid)
        if error.kind is FailureKind.UNKNOWN:
            for pod in pods:
                pod.note = reason
                pod.enter(Stage.UNCERTAIN)
                self._table.show(pod)
            return
        # where the schedd refused the request itself, one pod of it may be why: find out which
        if error.kind is FailureKind.REFUSED:
            for pod in pods:
                if pod.alone or len(pods) == 1:
                    pod.not_before = time.monotonic() + self._backoff.delay(pod.refusals)
                    pod.refusals += 1
                pod.alone = True
        self._back_to_queue(pods, reason)

    def _back_to_queue(self, pods: Sequence[Pod], note: str) -> None:
        for pod in pods:
            pod.note = f"HTCondor did not take the job yet: {note}"
            pod.enter(Stage.QUEUED)
        self.wake.set()

    async def _mark_attempted(self, pods: Sequence[Pod]) -> None:
        """Before the first byte is sent, so that a successor knows what may be in the queue."""
        if not pods:
            return
        records = [msgspec.structs.replace(pod.record, attempted=True) for pod in pods]
        await self._table.journal.update(records)
        for pod, record in zip(pods, records, strict=True):
            pod.record = record

    def requeue(self, pods: Sequence[Pod]) -> None:
        """Submit again pods whose job certainly doesn't exist and never started; `next_generation` comes first."""
        for pod in pods:
            pod.jobs.clear()
            pod.ad = None
            pod.unseen = False
            pod.enter(Stage.QUEUED)
            self._table.show(pod)
            log.info("pod.requeued", pod_uid=pod.uid, generation=pod.record.generation)
        self.wake.set()

    async def next_generation(self, pods: Sequence[Pod]) -> None:
        """Journal that whatever job these pods have isn't theirs any more; before it is removed, so that a successor
        doesn't take that removal for the pod's end."""
        records = [msgspec.structs.replace(pod.record, generation=pod.record.generation + 1) for pod in pods]
        await self._table.journal.update(records)
        for pod, record in zip(pods, records, strict=True):
            pod.record = record
