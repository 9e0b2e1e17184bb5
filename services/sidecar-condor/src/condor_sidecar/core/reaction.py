"""What to do about a job, by what the schedd says of it: wait, fetch, release, submit again, or end the pod.

A pod is run at most once. So a job that has started is never released or submitted again, and one that lost its worker
node is ended, not left to start anew. Hold codes are those of HTCondor's manual (HoldReasonCode).
"""

from dataclasses import dataclass
from enum import StrEnum

from condor_sidecar.core.job_end import JobEnd, evicted_end, held_end, removed_end
from condor_sidecar.core.policy import EndpointMode
from condor_sidecar.model.job_ad import JobAd, JobStatus

MOST_RELEASES = 2
_COPY_SECONDS = 60.0  # until a compute element's router has brought a change of a job in all its parts

_OPERATOR_HOLDS = frozenset({1, 15})  # by a user or an administrator, or at submission: theirs to release
_PASSING_HOLDS = frozenset({6, 7, 8, 9, 10, 12, 13, 14, 21, 22, 23, 24})  # start and transfer failures of one machine
_FINAL_HOLDS = frozenset({3, 26, 32, 33, 34, 35, 45, 46, 47})  # policy, sizes, resources, image, durations


class Reaction(StrEnum):
    """What comes next for a job."""

    WAIT = "wait"
    FETCH = "fetch"
    """The job has completed: bring its output and end the pod with it."""
    RELEASE = "release"
    RESUBMIT = "resubmit"
    """Remove the job and make another one, of the next generation."""
    END = "end"
    """End the pod: bring what output there is, remove the job."""


@dataclass(frozen=True, slots=True)
class HoldRules:
    """`grace` is how many seconds a hold may last that somebody else could lift."""

    mode: EndpointMode
    grace: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A reaction, and how the pod ends where it does."""

    reaction: Reaction
    end: JobEnd | None = None


_WAIT = Decision(Reaction.WAIT)


def react(ad: JobAd, rules: HoldRules, now: float, *, releases: int, wall_seconds: int) -> Decision:
    """What to do about a job that is in the queue.

    `now` is the schedd's clock, `releases` how often the job was released already.
    """
    match ad.status:
        case JobStatus.COMPLETED:
            return Decision(Reaction.FETCH)
        case JobStatus.REMOVED if ad.input_failed:
            return Decision(Reaction.RESUBMIT)
        case JobStatus.REMOVED:
            return Decision(Reaction.END, removed_end(ad, wall_seconds, now))
        case JobStatus.IDLE if ad.left_a_start and not _may_be_running(ad, now):
            return Decision(Reaction.END, evicted_end(ad, wall_seconds))
        case JobStatus.HELD if not ad.spooling:
            return _held(ad, rules, now, releases=releases)
    return _WAIT


def _may_be_running(ad: JobAd, now: float) -> bool:
    """Whether an idle job of a compute element has just begun: its router may bring the date of the start before the status.

    Such a job became idle before it started. One that was brought as running, and idle again, did so after.
    """
    if ad.starts or ad.first_started is None or ad.entered_status is None:
        return False
    return ad.entered_status <= ad.first_started and now - ad.first_started < _COPY_SECONDS


def _held(ad: JobAd, rules: HoldRules, now: float, *, releases: int) -> Decision:
    code = ad.hold_code
    if code in _OPERATOR_HOLDS:
        return _WAIT
    fail = Decision(Reaction.END, held_end(ad))
    if code in _FINAL_HOLDS:
        return fail
    started = ad.left_a_start
    if rules.mode is EndpointMode.SCHEDD and code in _PASSING_HOLDS:
        return fail if started or releases >= MOST_RELEASES else Decision(Reaction.RELEASE)
    if now - (ad.entered_status or now) < rules.grace:
        return _WAIT
    # a release of a CE's job doesn't reach the routed job that is held: only a new job can help
    if rules.mode is EndpointMode.CE and ad.hold_copied and not started and ad.generation == 1:
        return Decision(Reaction.RESUBMIT)
    return fail
