"""How many workers a cluster may have: its user's limits, less what the user's other clusters have, and the site's."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from offload_backend.model.values import GIB, duration


@dataclass(frozen=True)
class WorkerSize:
    """What one worker takes."""

    cores: int
    memory: int
    """Bytes."""
    gpus: int = 0


@dataclass(frozen=True)
class Share:
    """Workers of one size."""

    workers: int
    size: WorkerSize


@dataclass(frozen=True)
class UserLimits:
    """What the workers of all clusters of a user may be together."""

    workers: int
    cores: int
    memory: int
    """GiB."""


@dataclass(frozen=True)
class Allowance:
    """How many workers a cluster may have, and the sentence for whom wants more."""

    workers: int
    reason: str


def allowance(limits: UserLimits, size: WorkerSize, others: Iterable[Share]) -> Allowance:
    """The most workers of `size` beside those that the user has in `others`."""
    shares = list(others)
    used = (
        sum(share.workers for share in shares),
        sum(share.workers * share.size.cores for share in shares),
        sum(share.workers * share.size.memory for share in shares),
    )
    bounds = [
        (_fitting(limits.workers, used[0], 1), f"{limits.workers} workers", f"{used[0]}"),
        (_fitting(limits.cores, used[1], size.cores), f"{limits.cores} cores of workers", f"{used[1]}"),
        (
            _fitting(limits.memory * GIB, used[2], size.memory),
            f"{limits.memory} GiB of memory of workers",
            f"{used[2] / GIB:g} GiB",
        ),
    ]
    workers, limit, taken = min(bounds, key=lambda bound: bound[0])
    elsewhere = f", of which your other clusters have {taken}" if any(share.workers for share in shares) else ""
    sentence = f"You may have {limit}{elsewhere}: this cluster can have {workers} workers at most."
    return Allowance(workers, sentence)


def of_site(site: str, limit: int | None, others: Iterable[Share]) -> Allowance | None:
    """What is left of the workers that a site takes of all users together; None where it takes any number."""
    if limit is None:
        return None
    used = sum(share.workers for share in others)
    left = max(0, limit - used)
    return Allowance(
        left, f"The site {site} takes {limit} workers, of which other clusters have {used}: {left} are left."
    )


def too_many_clusters(limit: int, running: int) -> str | None:
    """The sentence for a user who has `running` clusters and wants one more; None if that is possible."""
    if running < limit:
        return None
    have = "a cluster" if limit == 1 else f"{limit} clusters"
    return f"You may have {have} at the same time, and have {running}: end one first (Gateway().list_clusters())."


def too_often(per_hour: float, wait: float) -> str:
    """The sentence for a user who has made one cluster after the other, and may make the next in `wait` seconds."""
    later = duration(math.ceil(wait))
    return f"You may make {per_hour:g} clusters an hour, and have made more: the next one in {later}. Use those that you have."


def _fitting(limit: int, used: int, each: int) -> int:
    return max(0, (limit - used) // each)
