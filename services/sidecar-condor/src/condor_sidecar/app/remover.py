"""Carries out deletes that were answered, until the schedd has no job of the pod any more.

Each delete is journaled as a tombstone before it is answered, and done again after every restart until it is done for
good. A tombstone is kept for a day after that, so that a create which comes late is refused and makes no second job.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from condor_sidecar.app.health import Health
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.app.poller import SETTLE_SECONDS, Poller
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import JournalError
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.io.schedd import Schedd, ScheddError
from condor_sidecar.model.pod_record import Tombstone

MOST_AT_ONCE = 100
KEEP_TOMBSTONES_SECONDS = 86400.0
LOOK_AGAIN_SECONDS = 1.0
ASK_AGAIN_SECONDS = 30.0
AWAY_SECONDS = 120.0
"""How long a job may be without a connection before it is taken to hear nothing: two of its longest pauses."""
LEAVE_SECONDS = 60.0
"""How long a deleted pod's job may speak beyond its grace period before it is forgotten all the same."""

log = get_logger(__name__)


class Remover:
    """The loop that carries out deletes; `wake` is set by whoever adds a tombstone."""

    def __init__(self, table: PodTable, schedd: Schedd, store: OutputStore, health: Health, poller: Poller) -> None:
        self._table = table
        self._schedd = schedd
        self._store = store
        self._health = health
        self._poller = poller
        self._backoff = Backoff(1, 30)
        self._asked: dict[str, float] = {}
        self.wake = asyncio.Event()

    async def delete(self, uid: str, request: str, grace_seconds: int | None) -> None:
        """Journal the delete of a pod, known or not, and start on it. Raises JournalError.

        A second one changes the grace period, as with a kubelet.
        """
        stone = self._table.tombstones.get(uid)
        if stone is None or (stone.done_at is None and stone.grace_seconds != grace_seconds):
            accepted_at = time.time() if stone is None else stone.accepted_at
            stone = Tombstone(uid=uid, accepted_at=accepted_at, grace_seconds=grace_seconds, request=request)
            await self._table.journal.bury(stone)
            self._table.tombstones[uid] = stone
        pod = self._table.get(uid)
        if pod is not None:
            pod.deleting = True
            pod.touch()
        self.wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            self.wake.clear()
            pending = [stone for stone in self._table.tombstones.values() if stone.done_at is None]
            try:
                await self._work(pending)
                failures = 0
                pause = LOOK_AGAIN_SECONDS
            except (ScheddError, JournalError) as error:
                reason = self._health.explain(error) if isinstance(error, ScheddError) else str(error)
                log.warning("delete.failed", count=len(pending), reason=reason)
                pause = self._backoff.delay(failures)
                failures += 1
            if any(stone.done_at is None for stone in self._table.tombstones.values()):
                await asyncio.sleep(pause)
            else:
                await self.wake.wait()

    async def _work(self, pending: Sequence[Tombstone]) -> None:
        await self._settle([stone for stone in pending if self._is_done(stone.uid)])
        now = time.monotonic()
        due = [
            stone.uid
            for stone in pending
            if self._table.tombstones[stone.uid].done_at is None
            and not self._certainly_unsubmitted(stone.uid)
            and not self._submitting(stone.uid)
            and not self._has_more_time(stone)
            and now - self._asked.get(stone.uid, float("-inf")) > ASK_AGAIN_SECONDS
        ]
        failed: ScheddError | None = None
        for first in range(0, len(due), MOST_AT_ONCE):
            some = due[first : first + MOST_AT_ONCE]
            try:
                await self._schedd.remove_pods(some, "its pod was deleted")
            except ScheddError as error:
                failed = error  # the next batch may fare better
                continue
            self._asked.update(dict.fromkeys(some, time.monotonic()))
            log.info("pods.removing", count=len(some), pod_uid=some[0])
        if pending:
            self._poller.wake.set()
        if failed is not None:
            raise failed

    def _is_done(self, uid: str) -> bool:
        """No job of the pod is left, by a query that began after we had asked for the removal."""
        if self._certainly_unsubmitted(uid):
            return True
        pod = self._table.get(uid)
        if self._submitting(uid) or (pod is not None and (pod.jobs or self._is_leaving(pod))):
            return False
        asked = self._asked.get(uid)
        wait = SETTLE_SECONDS if pod is not None and pod.stage is Stage.UNCERTAIN else 0.0
        return asked is not None and self._poller.last_began > asked + wait

    def _is_leaving(self, pod: Pod) -> bool:
        """Its containers still end, whatever became of the job in the queue, or how they did is still to be told."""
        stone = self._table.tombstones.get(pod.uid)
        late = time.time() - stone.accepted_at if stone is not None else 0.0
        grace = max(pod.record.grace_seconds, (stone.grace_seconds or 0) if stone is not None else 0)
        return (pod.connected and late < grace + LEAVE_SECONDS) or time.monotonic() < pod.shown_until

    def _has_more_time(self, stone: Tombstone) -> bool:
        """Whether removing its job now would cut the delete's grace period short.

        A job that is removed has its pod's own from then on: that is what the batch system was told. It ends itself before, if
        it was told of the delete: over its channel, or over that which it makes after a cut or after our restart.
        """
        pod = self._table.get(stone.uid)
        if pod is None or pod.stage is Stage.ENDED or stone.grace_seconds is None:
            return False
        removed_by = stone.accepted_at + stone.grace_seconds - pod.record.grace_seconds
        return time.time() < removed_by and (pod.connected or self._may_come_back(pod))

    @staticmethod
    def _may_come_back(pod: Pod) -> bool:
        since = pod.seen_connected
        if pod.restored and pod.record.channel and (pod.ad is None or pod.ad.has_started):
            since = max(since, pod.added)
        return time.monotonic() - since < AWAY_SECONDS

    def _certainly_unsubmitted(self, uid: str) -> bool:
        pod = self._table.get(uid)
        return pod is not None and pod.stage is Stage.QUEUED and pod.record.generation == 1

    def _submitting(self, uid: str) -> bool:
        pod = self._table.get(uid)
        return pod is not None and pod.stage is Stage.SUBMITTING

    async def _settle(self, stones: Sequence[Tombstone]) -> None:
        if not stones:
            return
        done = [msgspec.structs.replace(stone, done_at=time.time()) for stone in stones]
        await self._table.journal.settle(done)
        for stone in done:
            self._table.tombstones[stone.uid] = stone
            self._table.forget(stone.uid)
            self._asked.pop(stone.uid, None)
            log.info("pod.deleted", pod_uid=stone.uid, request=stone.request)
        await asyncio.to_thread(self._clean_up, [stone.uid for stone in done])

    def _clean_up(self, uids: Sequence[str]) -> None:
        for uid in uids:
            self._store.mark_deleted(uid)

    async def forget_old(self) -> None:
        """Drop tombstones of deletes that were done long ago. Raises JournalError."""
        limit = time.time() - KEEP_TOMBSTONES_SECONDS
        old = [uid for uid, s in self._table.tombstones.items() if s.done_at is not None and s.done_at < limit]
        if old:
            await self._table.journal.forget(old)
            for uid in old:
                del self._table.tombstones[uid]
