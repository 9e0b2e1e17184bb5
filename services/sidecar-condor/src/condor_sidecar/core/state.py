"""How a pod looks, from what is known of its job: the one place that turns HTCondor's words into Kubernetes'.

Pure: the same evidence gives the same view. Two rules hold for every evidence: each container of the pod is in the view
in exactly one state, and nothing is terminated without something that says so (absence never ends a pod).
"""

import datetime
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from condor_sidecar.core.job_end import ENDED, KILLED, JobEnd, missing_end
from condor_sidecar.job.supervisor.state import TOLD_TO_STOP
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_record import ContainerRecord
from condor_sidecar.model.pod_view import ContainerView, PodView, Running, State, Terminated, Verdict, Waiting
from condor_sidecar.model.result import ContainerResult, ContainerState, EarlierEnd, JobResult

NO_CHIRP_SECONDS = 60
"""A job that has run this long without a word from its supervisor is taken to run its containers."""

RUNS = (JobStatus.RUNNING, JobStatus.TRANSFERRING_OUTPUT, JobStatus.SUSPENDED)


class Stage(StrEnum):
    """Where a pod's job is on its way into and out of the queue."""

    QUEUED = "queued"
    """Journaled; certainly not in the schedd's queue."""
    SUBMITTING = "submitting"
    """A worker is submitting it now."""
    UNCERTAIN = "uncertain"
    """It may be in the schedd's queue; a query will tell."""
    PRESENT = "present"
    """In the schedd's queue, or known to have left it."""
    MISSING = "missing"
    """Was in the schedd's queue, and isn't now, and nothing says why."""
    ENDED = "ended"
    """The pod's end is known and journaled."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one pod.

    `live` is the newest record of the running supervisor, `final` the last one when its job is over, `problem` what is known of why
    that leaves an end open, `end` how the job as a whole ended, where that is decided. `note` is a sentence for a pod that waits
    (what keeps it). `connected`: its job has a job channel, so it runs, whatever the last query said. `ephemeral` were sent to its
    job; `refused` says of others, by name, why they weren't.
    """

    containers: tuple[ContainerRecord, ...]
    stage: Stage
    now: float
    ad: JobAd | None = None
    live: JobResult | None = None
    final: JobResult | None = None
    end: JobEnd | None = None
    problem: str = ""
    note: str = ""
    connected: bool = False
    ephemeral: tuple[ContainerRecord, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def look(evidence: Evidence) -> PodView:
    """The pod's view by this evidence alone; `core.latch` joins it with what was shown before."""
    return msgspec.structs.replace(_planned(evidence), ephemeral=_ephemeral(evidence))


def _ephemeral(evidence: Evidence) -> tuple[ContainerView, ...]:
    """Those that the job has by its own word, and the refused ones; of others nothing is said."""
    result = evidence.final or evidence.live
    known = {c.name: c for c in result.containers if c.kind is ContainerKind.EPHEMERAL} if result is not None else {}
    views = [_ephemeral_view(each, known[each.name], evidence) for each in evidence.ephemeral if each.name in known]
    refused = [
        ContainerView(name, ContainerKind.EPHEMERAL, Waiting("CreateContainerConfigError", why))
        for name, why in evidence.refused.items()
    ]
    return (*views, *refused)


def _ephemeral_view(container: ContainerRecord, found: ContainerResult, evidence: Evidence) -> ContainerView:
    state: State
    if found.state is ContainerState.TERMINATED:
        state = _terminated(found)
    elif found.state is ContainerState.WAITING:  # for ever, where the pod has ended, as under a kubelet
        state = Waiting(found.reason or "ContainerCreating", found.message)
    elif evidence.final is None and evidence.end is None:
        state = Running(epoch(found.started) or evidence.now)
    else:
        end = evidence.end or missing_end(evidence.ad, evidence.now, evidence.problem)
        state = Terminated(end.exit_code, end.reason, end.message, epoch(found.started), end.finished, end.signal)
    return ContainerView(container.name, container.kind, state, container.image, found.image_id)


def _planned(evidence: Evidence) -> PodView:
    if evidence.final is not None or evidence.end is not None:
        return _ended(evidence)
    ad = evidence.ad
    if ad is None or evidence.stage in (Stage.QUEUED, Stage.SUBMITTING):
        return _all_waiting(evidence, "Queued", evidence.note or "waiting to be submitted to HTCondor")
    heard = evidence.live is not None and (evidence.connected or ad.status == JobStatus.COMPLETED)
    if ad.status in RUNS or heard:
        return _alive(evidence, ad)
    reason, message = _why_waiting(ad)
    return _all_waiting(evidence, reason, f"{message}; {evidence.note}" if evidence.note else message)


def _why_waiting(ad: JobAd) -> tuple[str, str]:
    job = f"HTCondor job {ad.job_id}"
    if ad.status == JobStatus.COMPLETED:
        return "RetrievingOutput", f"{job} has ended; its output is being fetched"
    if ad.spooling:
        return "Staging", f"{job}: its input is being transferred"
    if ad.status == JobStatus.HELD:
        return "JobHeld", f"{job} is held: {ad.hold_reason or 'no reason given'}"
    if ad.status == JobStatus.REMOVED:
        return "Removing", f"{job} is being removed"
    routed = f" (routed to {ad.routed_to})" if ad.routed_to else ""
    return "Pending", f"{job} waits for a free slot{routed}"


def _ended(evidence: Evidence) -> PodView:
    """The supervisor's last word where there is one, the job's end for every container that it leaves open."""
    result = evidence.final or evidence.live
    end = evidence.end or missing_end(evidence.ad, evidence.now, evidence.problem)
    known = {c.name: c for c in result.containers} if result is not None else {}
    failed_init = next(
        (c for c in known.values() if c.kind is ContainerKind.INIT and c.exit_code not in (None, 0)), None
    )
    views = []
    for container in evidence.containers:
        found = known.get(container.name)
        decided = evidence.end is not None
        views.append(_view(container, _final_state(found, result, end, failed_init, decided), found))
    return PodView(tuple(views), evidence.end, _verdict(result, evidence.end))


def _verdict(result: JobResult | None, end: JobEnd | None) -> Verdict | None:
    """Of a pod that its supervisor ended; where the job was ended by somebody else, in HTCondor's words."""
    if result is None or not result.ended or not result.reason:
        return None
    return Verdict(result.reason, result.message) if end is None else Verdict(end.reason, end.message)


def _final_state(
    found: ContainerResult | None,
    result: JobResult | None,
    end: JobEnd,
    failed_init: ContainerResult | None,
    decided: bool,
) -> Terminated:
    if found is not None and found.state is ContainerState.TERMINATED:
        return _explained(_terminated(found), result, end if decided else None)
    started = epoch(found.started) if found is not None else None
    if found is not None and found.state is ContainerState.WAITING and result is not None:
        if failed_init is not None:
            message = f"not started: init container {failed_init.name} ended with exit code {failed_init.exit_code}"
            return Terminated(1, "Error", message, None, end.finished)
        if result.ended and result.reason:
            code = 137 if result.reason == "DeadlineExceeded" else 143 if result.reason == TOLD_TO_STOP else 1
            return Terminated(code, result.reason, result.message or "not started", None, end.finished)
    if found is not None and found.state is ContainerState.WAITING and found.last is not None and not decided:
        return _earlier(found.last)
    return Terminated(end.exit_code, end.reason, end.message, started, end.finished, end.signal)


def _explained(state: Terminated, result: JobResult | None, end: JobEnd | None) -> Terminated:
    """A container that was killed says why its pod was ended as a whole, in the words of that end: the job's, or the
    supervisor's own. The wire has no other place for them."""
    if state.exit_code not in (KILLED, ENDED) or state.message:
        return state
    if end is not None:
        return msgspec.structs.replace(state, message=end.message)
    if result is not None and result.reason and state.signal in (signal.SIGTERM, signal.SIGKILL):
        reason = result.reason if state.reason == "Error" else state.reason
        return msgspec.structs.replace(state, reason=reason, message=result.message)
    return state


def _alive(evidence: Evidence, ad: JobAd) -> PodView:
    live = evidence.live
    if live is None:
        return _alive_without_record(evidence, ad)
    known = {c.name: c for c in live.containers}
    mains = [c for c in live.containers if c.kind is ContainerKind.MAIN]
    # a pod's end needs the job's end: until then the last main containers count as running
    over = bool(mains) and all(c.state is ContainerState.TERMINATED for c in mains)
    inits_open = any(_keeps_others_waiting(c) for c in live.containers)
    views = []
    for container in evidence.containers:
        found = known.get(container.name)
        is_main = container.kind is ContainerKind.MAIN
        state: State
        if found is None or found.state is ContainerState.WAITING:
            reason = "PodInitializing" if inits_open and is_main else "ContainerCreating"
            state = Waiting((found.reason if found else "") or reason, found.message if found else "")
        elif found.state is ContainerState.RUNNING or (over and is_main):
            state = Running(epoch(found.started) or _job_start(ad, evidence.now))
        else:
            state = _terminated(found)
        views.append(_view(container, state, found))
    return PodView(tuple(views))


def _keeps_others_waiting(container: ContainerResult) -> bool:
    """The main containers can't start before it has ended, or started if it is a sidecar."""
    if container.kind is ContainerKind.SIDECAR:
        return container.state is ContainerState.WAITING and container.last is None
    return container.kind is ContainerKind.INIT and container.exit_code != 0


def _alive_without_record(evidence: Evidence, ad: JobAd) -> PodView:
    began = _job_start(ad, evidence.now)
    silent = evidence.now - began >= NO_CHIRP_SECONDS
    first = next((c.name for c in evidence.containers if c.kind is ContainerKind.INIT), "")
    reached = True
    views = []
    for container in evidence.containers:
        state: State
        if not reached:
            state = Waiting("PodInitializing")
        elif silent:
            state = Running(began)
        else:
            state = Waiting("ContainerCreating", f"HTCondor job {ad.job_id} started{_on(ad)}")
        views.append(_view(container, state, None))
        reached = reached and container.name != first
    return PodView(tuple(views))


def _all_waiting(evidence: Evidence, reason: str, message: str) -> PodView:
    return PodView(tuple(_view(c, Waiting(reason, message), None) for c in evidence.containers))


def _view(container: ContainerRecord, state: State, found: ContainerResult | None) -> ContainerView:
    image = (found.image if found is not None else "") or container.image
    running = isinstance(state, Running)
    if found is None:  # nobody says otherwise, but what a probe decides has to be said
        ready, started_up = running and not container.probes, running and "s" not in container.probes
        return ContainerView(container.name, container.kind, state, image, ready=ready, started_up=started_up)
    going_on = running and found.state is ContainerState.RUNNING
    return ContainerView(
        container.name,
        container.kind,
        state,
        image,
        found.image_id,
        restart_count=found.restart_count,
        ready=going_on and found.ready,
        started_up=going_on and found.started_up,
        last=None if found.last is None else _earlier(found.last),
    )


def _terminated(found: ContainerResult) -> Terminated:
    code = found.exit_code if found.exit_code is not None else 137
    reason = found.reason or ("Completed" if code == 0 else "Error")
    return Terminated(code, reason, found.message, epoch(found.started), epoch(found.finished), found.signal)


def _earlier(end: EarlierEnd) -> Terminated:
    return Terminated(end.exit_code, end.reason, end.message, epoch(end.started), epoch(end.finished), end.signal)


def _on(ad: JobAd) -> str:
    return f" on {ad.host}" if ad.host else ""


def _job_start(ad: JobAd, now: float) -> float:
    return float(ad.executing or ad.started or ad.first_started or now)


def epoch(rfc3339: str | None) -> float | None:
    """Seconds since the epoch; None for nothing or for what is no time."""
    if not rfc3339:
        return None
    try:
        # Python reads at most six digits of a fraction before 3.13
        text = rfc3339.replace("Z", "+00:00")
        head, dot, rest = text.partition(".")
        if dot:
            digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
            text = f"{head}.{digits[:6]}{rest[len(digits) :]}"
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
