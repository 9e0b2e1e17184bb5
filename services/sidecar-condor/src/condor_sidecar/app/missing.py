"""Jobs that were in the queue and aren't any more: what became of them, asked of the schedd's history.

Not being in the queue is no end by itself. A removal or completion in the history is one; a job that neither queue nor
history knows for ten minutes of answered questions is lost. A submission that left no trace anywhere never happened, and
is made again.
"""

import time

from service_runtime.logs import get_logger

from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.app.submitter import Submitter
from condor_sidecar.core.duplicates import choose
from condor_sidecar.core.job_end import completed_end, lost_end, removed_end
from condor_sidecar.core.state import Stage
from condor_sidecar.io.schedd import Schedd
from condor_sidecar.model.job_ad import JobAd, JobStatus

LOST_SECONDS = 600.0
ASK_AGAIN_SECONDS = 10.0
MOST_PER_QUESTION = 100

log = get_logger(__name__)


class MissingJobs:
    """The part of the poll that deals with pods without a job in the queue."""

    def __init__(self, table: PodTable, schedd: Schedd, submitter: Submitter) -> None:
        self._table = table
        self._schedd = schedd
        self._submitter = submitter
        self._asked = float("-inf")

    async def look(self, began: float) -> None:
        """After an answered query that began at `began` (monotonic clock): find the missing, and ask history for them.

        Raises ScheddError, JournalError."""
        self._notice(began)
        missing = [pod for pod in self._table.in_stage(Stage.MISSING) if not pod.deleting][:MOST_PER_QUESTION]
        asked_lately = began - self._asked < ASK_AGAIN_SECONDS and all(pod.since < self._asked for pod in missing)
        if not missing or asked_lately:
            return
        self._asked = began
        found = await self._schedd.history([pod.uid for pod in missing])
        by_pod: dict[str, list[JobAd]] = {}
        for ad in found.ads:
            by_pod.setdefault(ad.uid, []).append(ad)
        never_submitted = []
        for pod in missing:
            generation = pod.record.generation
            past = [ad for ad in by_pod.get(pod.uid, ()) if ad.generation == generation or ad.left_a_start]
            if pod.payload_size is not None and past and all(ad.input_failed for ad in past):
                never_submitted.append(pod)
            elif past:
                await self._end(pod, choose(past).kept)
            elif pod.payload_size is not None and (pod.ad is None or pod.ad.generation < generation):
                never_submitted.append(pod)
            elif time.monotonic() - pod.since > LOST_SECONDS:
                job = pod.ad.job_id if pod.ad is not None else "of this pod"
                log.error("job.lost", pod_uid=pod.uid, job=job)
                await self._table.end(pod, None, lost_end(self._table.now(), job))
        if never_submitted:
            await self._submitter.next_generation(never_submitted)
            self._submitter.requeue(never_submitted)

    def _notice(self, began: float) -> None:
        for pod in list(self._table.in_stage(Stage.PRESENT)):
            if pod.unseen and pod.since < began - 1:
                # submitted before this query began, and not in its answer
                pod.jobs.clear()
                pod.unseen = False
            if not pod.jobs and not pod.unseen:
                pod.enter(Stage.MISSING)
        for pod in list(self._table.in_stage(Stage.MISSING)):
            if pod.jobs:
                pod.enter(Stage.PRESENT)

    async def _end(self, pod: Pod, past: JobAd) -> None:
        pod.ad = past
        if past.status == JobStatus.REMOVED:
            end = removed_end(past, pod.record.wall_seconds, self._table.now())
        else:
            end = completed_end(past, "the job has left the schedd's queue")
        log.info("job.left_queue", pod_uid=pod.uid, job=past.job_id, status=past.status)
        await self._table.end(pod, None, end)
