"""Asks the schedd for all jobs, again and again, and draws the conclusions.

One query serves all pods. Its answer is compared with what the table expects: jobs that appeared, changed or vanished,
submissions whose outcome is open, jobs to release, to remove or to make anew. Ends are left to the fetcher, which brings
the output first.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.fetcher import Fetcher
from condor_sidecar.app.health import Health
from condor_sidecar.app.missing import MissingJobs
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.app.submitter import Submitter
from condor_sidecar.core.job_end import lost_end
from condor_sidecar.core.reaction import HoldRules, Reaction, react
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import JournalError
from condor_sidecar.io.schedd import Schedd, ScheddError
from condor_sidecar.model.calls import Changes
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.settings import Hold, PollIntervals

SETTLE_SECONDS = 2.0
"""A query that began this long after an open submission has its last word on it."""

log = get_logger(__name__)


class Poller:
    """The query loop; `wake` makes the next query come soon."""

    def __init__(
        self,
        table: PodTable,
        schedd: Schedd,
        health: Health,
        *,
        submitter: Submitter,
        fetcher: Fetcher,
        look_soon: asyncio.Event,
        intervals: PollIntervals,
        hold: Hold,
        rules: HoldRules,
    ) -> None:
        self._table = table
        self._schedd = schedd
        self._health = health
        self._submitter = submitter
        self._fetcher = fetcher
        self._missing = MissingJobs(table, schedd, submitter)
        self._intervals = intervals
        self._hold = hold
        self._rules = rules
        self._backoff = Backoff(1, 30)
        self._release_backoff = Backoff(30, 600)
        self._failures = 0
        self._started = time.monotonic()
        self.wake = look_soon
        self.last_began = 0.0
        """When the last answered query began (monotonic clock)."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.wake.clear()
            began = time.monotonic()
            try:
                changes = await self._schedd.poll()
                self._health.succeeded()
                self._failures = 0
                await self._take(changes, began)
                pause = self._pause()
            except ScheddError as error:
                self._health.failed(error)
                self._failures += 1
                pause = self._backoff.delay(self._failures - 1)
            except JournalError as error:
                log.error("poll.journal_failed", reason=str(error))
                pause = self._intervals.live
            # a wake-up shortens the pause, but never to less than half a second
            await asyncio.sleep(min(0.5, pause))
            try:
                async with asyncio.timeout(max(0.0, pause - 0.5)):
                    await self.wake.wait()
            except TimeoutError:
                pass

    async def _take(self, changes: Changes, began: float) -> None:
        """Draw the conclusions; if that fails, ask for everything anew, for what has changed is told once."""
        try:
            await self._conclude(changes, began)
        except Exception:
            self._schedd.poll_anew()
            raise

    async def _conclude(self, changes: Changes, began: float) -> None:
        if changes.server_time is not None:
            self._table.clock_offset = changes.server_time - time.time()
        touched = await self._table.take_ads(changes.ads, changes.gone, changes.complete)
        for uid in touched:
            self._each(self._table.pods[uid], self._table.settle_job)
        self.last_began = began
        self._table.count()
        await self._drop_payloads(touched)
        self._settle_uncertain(began)
        for number, pod in enumerate(
            [p for p in self._table.in_stage(Stage.PRESENT) if self._may_look_new(p, touched)]
        ):
            self._each(pod, self._table.show)
            if number % 200 == 199:
                await asyncio.sleep(0)
        # pods that waited for room under the cap of idle jobs
        self._submitter.wake.set()
        for step in (self._remove_surplus, self._act, lambda: self._missing.look(began)):
            try:
                await step()
            except ScheddError as error:
                log.warning("poll.action_failed", reason=self._health.explain(error))

    def _each(self, pod: Pod, step: Callable[[Pod], None]) -> None:
        """A step for one pod, whose job may say anything: if it fails, it does for this pod alone."""
        try:
            step(pod)
        except Exception:
            metrics.LOOP_FAILURES.labels("pod").inc()
            log.exception("poll.pod_failed", pod_uid=pod.uid, job=", ".join(pod.jobs))
            self._schedd.poll_anew()

    def _may_look_new(self, pod: Pod, touched: set[str]) -> bool:
        """Its job changed, or the time that it runs without a word from its supervisor counts."""
        return pod.uid in touched or (pod.live is None and pod.ad is not None and pod.ad.status == JobStatus.RUNNING)

    def _settle_uncertain(self, began: float) -> None:
        """Submissions that nobody saw the end of: the jobs that are there are taken, for the others history is asked."""
        for pod in list(self._table.in_stage(Stage.UNCERTAIN)):
            if pod.jobs:
                pod.unseen = False
                pod.enter(Stage.PRESENT)
            elif began - pod.since > SETTLE_SECONDS or pod.since <= self._started + 1:
                pod.enter(Stage.MISSING)

    async def _remove_surplus(self) -> None:
        """Second jobs of a pod, and jobs that nobody wants any more; those that stay are here again next time."""
        # a removal in the middle of a submission would break it, for all the pods of its batch
        settled = (pod for pod in self._table.pods.values() if pod.stage is not Stage.SUBMITTING)
        doubled = (pod for pod in settled if len(pod.jobs) > 1)
        jobs = [ad.job_id for pod in doubled for ad in self._table.surplus(pod)]
        jobs += self._table.strays
        if jobs:
            log.warning("jobs.surplus", jobs=jobs[:20], count=len(jobs))
            metrics.DUPLICATES.inc(len(jobs))
            await self._schedd.remove_jobs(jobs, "its pod has another job, or was deleted")
            self._table.strays.clear()
            if self._table.more_strays:
                self._table.more_strays = False
                self._schedd.poll_anew()
                self.wake.set()

    async def _act(self) -> None:
        remove: list[str] = []
        release: list[Pod] = []
        again: list[Pod] = []
        fetched: list[str] = []
        for pod in list(self._table.pods.values()):
            if pod.deleting:
                continue
            if pod.stage is Stage.ENDED:
                leaving = time.monotonic() < pod.leaves_by
                for ad in pod.jobs.values():
                    if leaving and ad.status != JobStatus.COMPLETED:
                        continue
                    # its end is journaled, the job only has to go
                    (fetched if ad.status == JobStatus.COMPLETED else remove).append(ad.job_id)
            elif pod.stage is Stage.PRESENT and pod.ad is not None and pod.jobs and not pod.unseen:
                self._decide(pod, pod.ad, release, again)
        if remove:
            log.warning("jobs.removing", jobs=remove[:20], count=len(remove))
            await self._schedd.remove_jobs(remove, "its pod has ended")
        if fetched:
            await self._schedd.mark_fetched(fetched)
        await self._release(release)
        await self._make_anew(again)

    def _decide(self, pod: Pod, ad: JobAd, release: list[Pod], again: list[Pod]) -> None:
        if ad.spooling:
            if self._abandoned(ad):
                again.append(pod)
            return
        record = pod.record
        now = self._table.now()
        decision = react(ad, self._rules, now, releases=pod.releases, wall_seconds=record.wall_seconds)
        match decision.reaction:
            case Reaction.FETCH:
                self._fetcher.fetch(pod)
            case Reaction.END:
                assert decision.end is not None
                self._fetcher.end(pod, decision.end)
            case Reaction.RELEASE if pod.not_before <= time.monotonic():
                release.append(pod)
            case Reaction.RESUBMIT:
                again.append(pod)

    def _abandoned(self, ad: JobAd) -> bool:
        """Whether a job waits for input that nobody delivers: we aren't submitting it, and were not just started."""
        patience = self._hold.staging * (10 if ad.staged else 1)
        age = self._table.now() - (ad.entered_status or 0)
        return age > patience

    async def _release(self, pods: list[Pod]) -> None:
        if not pods:
            return
        for pod in pods:
            assert pod.ad is not None
            pod.not_before = time.monotonic() + self._release_backoff.delay(pod.releases)
            pod.releases += 1
            log.info("job.releasing", pod_uid=pod.uid, job=pod.ad.job_id, code=pod.ad.hold_code)
        await self._schedd.release([pod.ad.job_id for pod in pods if pod.ad is not None], "a passing failure")

    async def _make_anew(self, pods: list[Pod]) -> None:
        """Replace jobs that never started and never will."""
        for pod in pods:
            if pod.payload_size is None:
                self._fetcher.end(pod, lost_end(self._table.now(), ", ".join(pod.jobs)))
        again = [pod for pod in pods if pod.payload_size is not None]
        if not again:
            return
        jobs = [job_id for pod in again for job_id in pod.jobs]
        log.warning("jobs.abandoned", jobs=jobs[:20], count=len(jobs))
        await self._submitter.next_generation(again)
        await self._schedd.remove_jobs(jobs, "its input was never delivered; a new job replaces it")
        self._submitter.requeue(again)

    async def _drop_payloads(self, touched: Iterable[str]) -> None:
        started = [
            pod
            for pod in (self._table.pods[uid] for uid in touched)
            if pod.payload_size is not None and pod.ad is not None and pod.ad.has_started
        ]
        if started:
            await self._table.journal.drop_payloads(pod.uid for pod in started)
            for pod in started:
                self._table.without_payload(pod)

    def _pause(self) -> float:
        if not self._table.pods:
            return self._intervals.idle
        for pod in self._table.pods.values():
            moving = pod.stage in (Stage.SUBMITTING, Stage.UNCERTAIN, Stage.MISSING) or (
                pod.stage is Stage.PRESENT and (pod.ad is None or not pod.ad.has_started)
            )
            if moving or pod.deleting:
                return self._intervals.busy
        if all(pod.stage is Stage.ENDED for pod in self._table.pods.values()):
            return self._intervals.idle
        return self._intervals.live
