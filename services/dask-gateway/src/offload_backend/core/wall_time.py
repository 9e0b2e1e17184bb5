"""When a worker at a site hands over its data and goes, so that the batch system doesn't cut it off."""

from dataclasses import dataclass

_LEAST_RESERVE = 240
_MOST_RESERVE = 1800


@dataclass(frozen=True)
class Lifetime:
    """Seconds, for Dask's --lifetime and --lifetime-stagger."""

    lifetime: int
    stagger: int


def lifetime(wall_seconds: int) -> Lifetime:
    """The latest end of the worker, lifetime and stagger together, leaves time before the job's own end.

    A tenth of the wall time, 4 minutes at least: image and interpreter come first, and the supervisor ends the pod some time
    before the job. The stagger spreads the ends, since workers that began together would hand over together.
    """
    reserve = min(_MOST_RESERVE, max(_LEAST_RESERVE, wall_seconds // 10))
    stagger = min(reserve // 2, wall_seconds // 10)
    return Lifetime(wall_seconds - reserve - stagger, stagger)
