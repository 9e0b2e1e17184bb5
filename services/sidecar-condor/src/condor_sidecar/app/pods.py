"""The table of pods: everything the service knows, in memory, so that a status call is a look-up.

Loops change pods here and nowhere else; between two awaits a pod is consistent. What an answer depends on is journaled
before the table shows it.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from interlink.protocol.types import PodStatus

from condor_sidecar import metrics
from condor_sidecar.app.changes import Changes
from condor_sidecar.app.pod import Pod
from condor_sidecar.core.adoption import adopt
from condor_sidecar.core.compact_record import filled, parse_chirp
from condor_sidecar.core.container_status import pod_status
from condor_sidecar.core.duplicates import choose, is_superseded
from condor_sidecar.core.job_end import JobEnd
from condor_sidecar.core.latch import latch
from condor_sidecar.core.pod_events import counted, end_event, job_events, refused_event, with_events
from condor_sidecar.core.pod_message import complete, is_address
from condor_sidecar.core.state import RUNS, Evidence, Stage, look
from condor_sidecar.io.journal import Journal, Remembered
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.pod_record import PodRecord, Tombstone
from condor_sidecar.model.result import JobResult, SiteEvent

__all__ = ["MOST_STRAYS", "Pod", "PodTable"]

MOST_STRAYS = 500
"""Jobs that are removed at once because nobody wants them; a schedd that refuses may have any number of them."""

AWAITED_SECONDS = 240.0
"""How long a running job of before a restart has time to connect: four of its longest pauses."""


class PodTable:
    """All pods, by UID, and the tombstones of deleted ones."""

    def __init__(self, journal: Journal, *, tell_address: bool = False, has_channel: bool = False) -> None:
        self.journal = journal
        self._tell_address = tell_address
        self._has_channel = has_channel
        self.changes = Changes()
        self.pods: dict[str, Pod] = {}
        self.tombstones: dict[str, Tombstone] = {}
        self.clock_offset = 0.0
        self.payload_bytes = 0
        self.payload_count = 0
        self.strays: set[str] = set()
        """Ids of jobs that nobody wants any more: their pod is deleted, or they don't say whose they are."""
        self.more_strays = False
        """There were more than are kept: once these are gone, the whole queue has to be looked at again."""
        self._adopted: dict[str, PodRecord] = {}
        """Pods that only the schedd knew, until the journal has them, too."""
        self._orders = 0

    def restore(self, remembered: Remembered) -> None:
        """Take over what the journal remembers. A pod that may have been submitted waits for the first query."""
        self.tombstones = {stone.uid: stone for stone in remembered.tombstones}
        for record in remembered.pods:
            pod = self.add(record, remembered.unstarted.get(record.uid))
            pod.restored = True
            if (view := remembered.ends.get(record.uid)) is not None:
                pod.view = view
                pod.events = with_events({}, end_event(view.end))
                pod.enter(Stage.ENDED)
            elif record.attempted or pod.payload_size is None:
                pod.enter(Stage.UNCERTAIN)
            stone = self.tombstones.get(record.uid)
            pod.deleting = stone is not None and stone.done_at is None

    def add(self, record: PodRecord, payload_size: int | None) -> Pod:
        """A pod that was just journaled."""
        self._orders += 1
        pod = Pod(record, Stage.QUEUED, time.monotonic(), payload_size=payload_size, order=self._orders)
        self.pods[record.uid] = pod
        self.changes.note(record.uid)
        if payload_size is not None:
            self.payload_bytes += payload_size
            self.payload_count += 1
        return pod

    def without_payload(self, pod: Pod) -> None:
        """The journal has forgotten the pod's payload."""
        if pod.payload_size is not None:
            self.payload_bytes -= pod.payload_size
            self.payload_count -= 1
            pod.payload_size = None

    def get(self, uid: str) -> Pod | None:
        """The pod, if it is known."""
        return self.pods.get(uid)

    def touch(self, pod: Pod) -> None:
        """The pod changed: whoever follows it or all pods is told."""
        pod.touch()
        self.changes.note(pod.uid)

    def names_of(self, uid: str) -> frozenset[str] | None:
        """The names of a pod's containers, if it is known."""
        pod = self.pods.get(uid)
        return None if pod is None else pod.container_names

    def now(self) -> float:
        """The schedd's clock, as far as it is known."""
        return time.time() + self.clock_offset

    def in_stage(self, *stages: Stage) -> Iterator[Pod]:
        """Pods in any of `stages`, oldest first."""
        return (pod for pod in self.pods.values() if pod.stage in stages)

    async def take_ads(self, ads: Iterable[JobAd], gone: Iterable[str], complete: bool) -> set[str]:
        """Put a poll's answer into the table; gives the UIDs of pods that it touched. Raises JournalError."""
        touched: set[str] = set()
        seen: set[str] = set()
        left = set(gone)
        self.strays = set() if complete else self.strays - left
        for count, ad in enumerate(ads):
            pod = self.pods.get(ad.uid)
            if pod is None:
                stone = self.tombstones.get(ad.uid)
                record = adopt(ad)
                if record is None or (stone is not None and stone.done_at is not None):
                    self._stray(ad)
                    continue
                pod = self.add(record, None)
                pod.enter(Stage.UNCERTAIN)
                pod.restored, pod.deleting = True, stone is not None
                self._adopted[ad.uid] = record
            if is_superseded(ad, pod.record.generation):
                pod.jobs.pop(ad.job_id, None)
                continue
            pod.jobs[ad.job_id] = ad
            pod.unseen = False
            seen.add(ad.job_id)
            touched.add(ad.uid)
            if count % 200 == 199:
                await asyncio.sleep(0)
        if complete or left:
            touched |= self._drop_jobs(left, seen if complete else None)
        if self._adopted:
            await self.journal.adopt(self._adopted.values())
            self._adopted.clear()
        return touched

    def _stray(self, ad: JobAd) -> None:
        if ad.status == JobStatus.REMOVED:
            return  # on its way out
        if len(self.strays) < MOST_STRAYS:
            self.strays.add(ad.job_id)
        else:
            self.more_strays = True

    def _drop_jobs(self, gone: set[str], all_there_is: set[str] | None) -> set[str]:
        touched: set[str] = set()
        for pod in self.pods.values():
            if pod.unseen:
                continue
            lost = [j for j in pod.jobs if j in gone or (all_there_is is not None and j not in all_there_is)]
            for job_id in lost:
                del pod.jobs[job_id]
                touched.add(pod.uid)
        return touched

    def surplus(self, pod: Pod) -> tuple[JobAd, ...]:
        """The pod's jobs that aren't its own."""
        return choose(pod.jobs.values()).surplus

    def settle_job(self, pod: Pod) -> None:
        """Choose the pod's own job among those in the queue, and take what it says."""
        if not pod.jobs:
            return
        choice = choose(pod.jobs.values())
        before, pod.ad = pod.ad, choice.kept
        was_held = before is not None and before.status == JobStatus.HELD and not before.spooling
        if choice.kept.status == JobStatus.HELD and not choice.kept.spooling and not was_held:
            metrics.HOLDS.labels(str(choice.kept.hold_code)).inc()
        if before is None or before.usage != choice.kept.usage:
            pod.measured = self.now()
        self._note(pod, job_events(before, choice.kept))
        if choice.kept.state and (before is None or before.state != choice.kept.state):
            planned = [container.planned() for container in pod.record.containers]
            added = [container.planned() for container in pod.record.ephemeral]
            self._take_compact(pod, parse_chirp(choice.kept.state, planned, added))

    def take_record(self, pod: Pod, record: JobResult | None) -> None:
        """A newer word from the running supervisor, whichever way it came."""
        if record is not None and (pod.live is None or record.revision >= pod.live.revision):
            pod.live = record
            self._hear(pod, record)
            self.touch(pod)

    def _take_compact(self, pod: Pod, record: JobResult | None) -> None:
        """The same where it says less: the full record of this revision may be here already."""
        if record is not None and pod.live is not None:
            record = filled(record, pod.live) if record.revision > pod.live.revision else None
        self.take_record(pod, record)

    def _hear(self, pod: Pod, record: JobResult) -> None:
        """What only some of the ways carry that a record may come: it stays true when the next one lacks it."""
        if is_address(record.address):
            pod.address = record.address
        self._note(pod, counted(record.events))

    def _note(self, pod: Pod, events: Iterable[SiteEvent]) -> None:
        noted = with_events(pod.events, events)
        if noted is not pod.events:
            pod.events = noted
            self.touch(pod)

    def refuse(self, pod: Pod, refused: Mapping[str, str]) -> None:
        """These of the pod's ephemeral containers, by name, may not be started, and why."""
        if refused != pod.refused:
            pod.refused = refused
            self._note(pod, refused_event(refused, int(self.now())))

    def show(self, pod: Pod) -> None:
        """Bring the pod's view up to date with what is known."""
        if pod.stage is Stage.ENDED or self._is_awaited(pod):
            return
        seen = look(self._evidence(pod))
        view = latch(pod.view, seen)
        if view != pod.view:
            pod.view = view
            self.touch(pod)

    async def end(self, pod: Pod, final: JobResult | None, end: JobEnd | None, problem: str = "") -> None:
        """Journal how the pod ended, then show it. Raises JournalError."""
        evidence = replace(self._evidence(pod), final=final, end=end, problem=problem)
        view = latch(pod.view, look(evidence))
        await self.journal.end(pod.uid, view)
        pod.view = view
        if final is not None:
            self._hear(pod, final)
        self._note(pod, end_event(view.end))
        self.without_payload(pod)
        pod.enter(Stage.ENDED)
        self.touch(pod)

    def status(self, pod: Pod) -> PodStatus | None:
        """The wire's message, made once per change; None for a pod of before a restart that the schedd has not been
        asked about yet, or whose job is about to connect: what its caller knows is better than a guess."""
        if pod.view is None and (pod.stage in (Stage.UNCERTAIN, Stage.MISSING) or self._is_awaited(pod)):
            return None
        if pod.shown is None or pod.stage is Stage.QUEUED:
            if pod.stage is Stage.QUEUED or pod.view is None:
                self.show(pod)
            assert pod.view is not None
            record = pod.record
            message = pod_status(record.uid, record.namespace, record.name, record.jid, pod.view)
            address = pod.address if self._tell_address else ""
            pod.shown = complete(message, pod.events.values(), address, pod.view)
        return pod.shown

    def _is_awaited(self, pod: Pod) -> bool:
        """Its job runs since before this process, which has heard nothing of it yet but may through its channel."""
        if not self._has_channel or not pod.restored or pod.deleting or pod.record.channel is False:
            return False
        runs = pod.ad is not None and pod.ad.status in RUNS and pod.stage is Stage.PRESENT
        silent = pod.view is None and pod.live is None
        return runs and silent and time.monotonic() - pod.added < AWAITED_SECONDS

    def forget(self, uid: str) -> None:
        """A delete is done."""
        pod = self.pods.pop(uid, None)
        self._adopted.pop(uid, None)
        if pod is not None:
            self.without_payload(pod)
            pod.touch()
            self.changes.forget(uid)

    def count(self) -> None:
        """Bring the gauges up to date."""
        counts = dict.fromkeys(Stage, 0)
        for pod in self.pods.values():
            counts[pod.stage] += 1
        for stage, number in counts.items():
            metrics.PODS.labels(stage.value).set(number)
        metrics.JOURNAL_BYTES.set(self.payload_bytes)
        metrics.DELETES_PENDING.set(sum(stone.done_at is None for stone in self.tombstones.values()))

    def _evidence(self, pod: Pod) -> Evidence:
        return Evidence(
            containers=pod.record.containers,
            stage=pod.stage,
            now=self.now(),
            ad=pod.ad,
            live=pod.live,
            note=pod.note,
            connected=pod.connected,
            ephemeral=pod.record.ephemeral,
            refused=pod.refused,
        )
