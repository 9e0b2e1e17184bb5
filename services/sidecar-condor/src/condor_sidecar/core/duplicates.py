"""Which of several jobs is the pod's own.

Two jobs for one pod only come from a submission whose outcome nobody saw. One of them is kept, the others are removed
before they start.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from condor_sidecar.model.job_ad import JobAd


@dataclass(frozen=True, slots=True)
class Choice:
    """The pod's job and the ones to remove."""

    kept: JobAd
    surplus: tuple[JobAd, ...]


def choose(jobs: Iterable[JobAd]) -> Choice:
    """One that has started before one that hasn't, one with its input before one without, then the newest generation,
    then the lowest id. `jobs` must not be empty."""
    ranked = sorted(jobs, key=_rank)
    return Choice(ranked[0], tuple(ranked[1:]))


def _rank(ad: JobAd) -> tuple[bool, bool, int, int, int]:
    return (not ad.has_started, ad.spooling, -ad.generation, ad.cluster, ad.proc)
