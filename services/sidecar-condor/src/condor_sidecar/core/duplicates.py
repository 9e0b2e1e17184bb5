"""Which of several jobs is the pod's own.

Two jobs for one pod only come from a submission whose outcome nobody saw, or from one that replaces a job which never started.
One of them is kept, the others are removed before they start.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from condor_sidecar.model.job_ad import JobAd, JobStatus


@dataclass(frozen=True, slots=True)
class Choice:
    """The pod's job and the ones to remove."""

    kept: JobAd
    surplus: tuple[JobAd, ...]


def choose(jobs: Iterable[JobAd]) -> Choice:
    """One that has started before one that hasn't, one that stays before one that was removed, one with its input before one
    without, then the newest generation, then the lowest id. `jobs` must not be empty."""
    ranked = sorted(jobs, key=_rank)
    return Choice(ranked[0], tuple(ranked[1:]))


def is_superseded(ad: JobAd, generation: int) -> bool:
    """Whether a job never ran and is on its way out, of a pod whose job is of this generation now: behind a compute element, a
    removed job stays in the queue for as long as its router takes to see to it."""
    return ad.status == JobStatus.REMOVED and ad.generation < generation and not ad.left_a_start


def _rank(ad: JobAd) -> tuple[bool, bool, bool, int, int, int]:
    removed = ad.status == JobStatus.REMOVED
    return (not ad.has_started, removed, ad.spooling, -ad.generation, ad.cluster, ad.proc)
