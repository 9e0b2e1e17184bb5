"""Ends pods: brings their job's output, stores it, journals the end, and only then lets the job go.

A job stays in the schedd's queue until its output is safely here (its `leave_in_queue` looks at an attribute that we set),
so a crash at any point repeats work and loses nothing.
"""

import asyncio
import contextlib
import itertools
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from condor_sidecar.app.health import Health
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.job_end import JobEnd, completed_end
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import JournalError
from condor_sidecar.io.output_store import OutputStore, Sandbox
from condor_sidecar.io.schedd import Schedd, ScheddError
from condor_sidecar.model.calls import FailureKind
from condor_sidecar.model.job_ad import JobStatus

MOST_AT_ONCE = 50
WIND_DOWN_SECONDS = 60.0
PAUSE_SECONDS = 0.2
MOST_MISSES = 4
"""After so many tries, a quarter of a minute, a pod ends without its job's output."""

_MAY_BE_ONE_JOBS = (FailureKind.REFUSED, FailureKind.UNKNOWN)

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Task:
    pod: Pod
    end: JobEnd | None
    tries: int = 0
    not_before: float = 0.0
    misses: int = 0
    """Tries to bring its output that failed in a way that passes: nothing came, or the schedd didn't answer."""
    hopeless: bool = False
    """HTCondor refused its output."""
    brought: Sandbox | None = None
    """Its output, which is stored here; the end is still to be journaled."""


class Fetcher:
    """The loop that ends pods. Pods are queued once; a second request for the same pod changes nothing."""

    def __init__(
        self, table: PodTable, schedd: Schedd, store: OutputStore, health: Health, patience_seconds: float
    ) -> None:
        self._table = table
        self._schedd = schedd
        self._store = store
        self._health = health
        self._patience = patience_seconds
        self._backoff = Backoff(2, 60)
        self._tasks: OrderedDict[str, _Task] = OrderedDict()  # bounded by the table: one for a pod
        self._wake = asyncio.Event()

    def fetch(self, pod: Pod) -> None:
        """The pod's job has completed."""
        self._add(pod, None)

    def end(self, pod: Pod, end: JobEnd) -> None:
        """The pod's job is over in this way; what output there is, is brought first."""
        self._add(pod, end)

    def _add(self, pod: Pod, end: JobEnd | None) -> None:
        if pod.uid not in self._tasks:
            self._tasks[pod.uid] = _Task(pod, end)
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            ready = self._ready()
            if not ready:
                try:
                    async with asyncio.timeout(PAUSE_SECONDS if self._tasks else None):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            wanting = [task for task in ready if self._wants_output(task)]
            others = [task for task in ready if task not in wanting]
            await self._bring(wanting)
            given_up = [task for task in wanting if task.brought is None and not self._wants_output(task)]
            await self._finish(others + given_up)

    def _ready(self) -> list[_Task]:
        now = time.monotonic()
        for uid in [uid for uid, task in self._tasks.items() if task.pod.deleting or task.pod.stage is Stage.ENDED]:
            del self._tasks[uid]
        # a reader of the pod's log may hold its sandbox for as long as a slow schedd takes; the others don't wait for it
        free = (t for t in self._tasks.values() if t.not_before <= now and not t.pod.sandbox.locked())
        return list(itertools.islice(free, MOST_AT_ONCE))

    def _wants_output(self, task: _Task) -> bool:
        """An end that is known otherwise waits for the job's output only while that may come.

        While a compute element's router brings a job's files from one queue to the other there are none for a moment.
        """
        if task.brought is not None:
            return False
        if task.end is None:
            return True
        ad = task.pod.ad
        return ad is not None and ad.left_a_start and not task.hopeless and task.misses < MOST_MISSES

    async def _bring(self, tasks: Sequence[_Task]) -> None:
        """Fetch for all at once; if that fails as one bad job makes it fail, for each by itself."""
        if not tasks:
            return
        async with contextlib.AsyncExitStack() as sandboxes_held:
            for task in tasks:
                await sandboxes_held.enter_async_context(task.pod.sandbox)
            try:
                await self._bring_into_sandboxes(tasks)
            finally:
                await asyncio.to_thread(self._store.remove_payloads, [task.pod.uid for task in tasks])
        await self._finish([task for task in tasks if task.brought is not None])

    async def _bring_into_sandboxes(self, tasks: Sequence[_Task]) -> None:
        try:
            await self._retrieve(tasks)
        except ScheddError as error:
            if len(tasks) == 1 or error.kind not in _MAY_BE_ONE_JOBS:
                for task in tasks:
                    self._failed(task, self._health.explain(error), passing=error.kind not in _MAY_BE_ONE_JOBS)
                return
            tasks = await self._one_by_one(tasks)
        for task in tasks:
            try:
                task.brought = await asyncio.to_thread(self._store.keep_sandbox, task.pod.uid, task.pod.container_names)
            except OSError as error:
                self._failed(task, f"its output did not arrive here: {error}", passing=True)

    async def _one_by_one(self, tasks: Sequence[_Task]) -> list[_Task]:
        brought = []
        for task in tasks:
            try:
                await self._retrieve([task])
                brought.append(task)
            except ScheddError as error:
                self._failed(task, self._health.explain(error))
        return brought

    async def _retrieve(self, tasks: Sequence[_Task]) -> None:
        pods = [task.pod for task in tasks if task.pod.ad is not None]
        await asyncio.to_thread(self._store.empty_sandboxes, [pod.uid for pod in pods])
        await self._schedd.retrieve(
            [pod.ad.job_id for pod in pods if pod.ad is not None], [self._store.sandbox(pod.uid) for pod in pods]
        )

    async def _finish(self, tasks: Sequence[_Task]) -> None:
        completed: list[str] = []
        others: list[str] = []
        for task in tasks:
            pod, end = task.pod, task.end
            sandbox = task.brought or Sandbox(False, None, None, "")
            if sandbox.final is None:
                self._table.take_record(pod, sandbox.streamed)
                if self._winds_down(pod):
                    task.brought = None
                    task.not_before = time.monotonic() + 1
                    self._table.show(pod)
                    continue
                if end is None and pod.ad is not None:
                    end = completed_end(pod.ad, sandbox.problem)
            try:
                await self._table.end(pod, sandbox.final, end, sandbox.problem)
            except JournalError as error:  # the disk is full, say: its output is here, and nothing else is lacking
                self._try_again(task, "pod.end_not_journaled", str(error))
                continue
            log.info("pod.ended", pod_uid=pod.uid, job=pod.ad.job_id if pod.ad else "", request=pod.record.request)
            self._tasks.pop(pod.uid, None)
            if pod.ad is not None:
                (completed if task.end is None else others).append(pod.ad.job_id)
            await asyncio.to_thread(self._store.clear_sandbox, pod.uid)
        await self._let_go(completed, others)

    def _winds_down(self, pod: Pod) -> bool:
        """Whether its job was removed and has its grace period now: what it still says is the best end there is."""
        ad = pod.ad
        if ad is None or ad.status != JobStatus.REMOVED or not pod.jobs:
            return False
        return self._table.now() - (ad.entered_status or 0) < pod.record.grace_seconds + WIND_DOWN_SECONDS

    async def _let_go(self, completed: list[str], others: list[str]) -> None:
        """The jobs may leave the queue. If this fails, the poller sees them there and does it again."""
        try:
            if completed:
                await self._schedd.mark_fetched(completed)
            if others:
                await self._schedd.remove_jobs(others, "its pod has ended")
        except ScheddError as error:
            log.warning("job.not_let_go", count=len(completed) + len(others), reason=self._health.explain(error))

    def _failed(self, task: _Task, reason: str, *, passing: bool = False) -> None:
        """The output did not come."""
        pod = task.pod
        if passing:
            task.misses += 1
        else:
            task.hopeless = True
        if pod.fetch_failing_since is None:
            pod.fetch_failing_since = time.monotonic()
        self._try_again(task, "output.fetch_failed", reason)
        # only a schedd that answers can be given up on: an unreachable one may come back with the output
        given_up = self._health.trouble is None and time.monotonic() - pod.fetch_failing_since > self._patience
        if task.end is None and pod.ad is not None and given_up:
            task.end = completed_end(pod.ad, reason)

    def _try_again(self, task: _Task, event: str, reason: str) -> None:
        task.not_before = time.monotonic() + self._backoff.delay(task.tries)
        task.tries += 1
        task.pod.note = reason
        self._table.show(task.pod)
        log.warning(event, pod_uid=task.pod.uid, attempt=task.tries, reason=reason)
