"""What HTCondor does with a pod's job, as events: submitted, started, held, released, suspended, and how it ended.

They are read off the job's ad, with its own times, so that a sidecar that was restarted tells the same events again and not others.
Two sources number a pod's events, each by itself: the supervisor counts its own from 1; ours are numbered by their time (seconds
since the epoch, and a digit for the kind), far above any count.
"""

from collections.abc import Iterable, Mapping

from condor_sidecar.core.container_status import rfc3339
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.pod_view import Terminated
from condor_sidecar.model.result import SiteEvent

KEPT = 20
"""Of each source, the latest events."""
DISRUPTIONS = frozenset({"Evicted", "JobLost", "JobRemoved"})
"""Ends of a job that are the site's doing and not the pod's."""
_NO_OUTPUT = frozenset({"Completed", "Error", "ContainerStatusUnknown"})

_KINDS = 10
_FIRST_OF_OURS = _KINDS * 1_000_000_000
_SUBMITTED, _STARTED, _HELD, _RELEASED, _SUSPENDED, _RESUMED, _ENDED, _REFUSED = range(8)


def job_events(before: JobAd | None, ad: JobAd) -> list[SiteEvent]:
    """What this ad of a job tells, `before` being the ad that was known last."""
    told: list[SiteEvent] = []
    if ad.queued:
        told.append(_event(_SUBMITTED, ad.queued, "JobSubmitted", f"HTCondor job {ad.job_id} was submitted"))
    began = ad.started or ad.first_started
    if began:
        host = ad.host or ad.last_host
        where = f" on {host}" if host else ""
        told.append(_event(_STARTED, began, "JobStarted", f"HTCondor job {ad.job_id} started{where}"))
    since = ad.entered_status
    if since:
        told += _of_status(before, ad, since)
    return told


def _of_status(before: JobAd | None, ad: JobAd, since: int) -> list[SiteEvent]:
    job = f"HTCondor job {ad.job_id}"
    was = before.status if before is not None and before.job_id == ad.job_id and not before.spooling else None
    if ad.status == JobStatus.HELD and not ad.spooling:
        why = f"HTCondor held job {ad.job_id} (code {ad.hold_code}): {ad.hold_reason or 'no reason given'}"
        return [_event(_HELD, since, "JobHeld", why, warning=True)]
    if ad.status == JobStatus.SUSPENDED:
        return [_event(_SUSPENDED, since, "JobSuspended", f"{job} was suspended on its worker node", warning=True)]
    if before is not None and was == JobStatus.HELD and ad.status not in (JobStatus.HELD, JobStatus.REMOVED):
        # it may have run to its end since it was looked at last
        times = (moment for moment in (since, ad.started) if moment and moment >= (before.entered_status or 0))
        when = min(times, default=since)
        return [_event(_RELEASED, when, "JobReleased", f"{job} was released and may run")]
    if was == JobStatus.SUSPENDED and ad.status == JobStatus.RUNNING:
        return [_event(_RESUMED, since, "JobResumed", f"{job} runs again")]
    return []


def end_event(end: Terminated | None) -> list[SiteEvent]:
    """How the job as a whole ended, where that is not the supervisor's own word (`end` is None then)."""
    if end is None or not end.finished:
        return []
    reason = "OutputLost" if end.reason in _NO_OUTPUT else end.reason
    return [_event(_ENDED, int(end.finished), reason, end.message, warning=True)]


def refused_event(refused: Mapping[str, str], seconds: int) -> list[SiteEvent]:
    """Ephemeral containers that may not be started, by name, and why."""
    words = "; ".join(f"ephemeral container {name} is not started: {why}" for name, why in refused.items())
    return [_event(_REFUSED, seconds, "Failed", words, warning=True)] if refused else []


def _event(kind: int, seconds: int, reason: str, message: str, *, warning: bool = False) -> SiteEvent:
    return SiteEvent(seconds * _KINDS + kind, rfc3339(seconds), "Warning" if warning else "Normal", reason, message)


def with_events(kept: Mapping[int, SiteEvent], told: Iterable[SiteEvent]) -> Mapping[int, SiteEvent]:
    """`kept` and what was told beside it, by number; the same object if that is nothing new. Of each source the latest stay."""
    every = sorted({**{event.number: event for event in told}, **kept}.items())
    supervisors = [item for item in every if item[0] < _FIRST_OF_OURS][-KEPT:]
    ours = [item for item in every if item[0] >= _FIRST_OF_OURS][-KEPT:]
    latest = dict(supervisors + ours)
    return kept if latest.keys() == kept.keys() else latest


def counted(told: Iterable[SiteEvent]) -> list[SiteEvent]:
    """Those of a supervisor's events that have a count for a number: it comes from where a user's code ran."""
    return [event for event in told if 0 < event.number < _FIRST_OF_OURS]
