"""How often somebody may ask: a bucket that calls empty and time fills."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """`level` calls could be made at the moment `at` (seconds)."""

    level: float
    at: float
    refused: bool = False
    """Whether the call at that moment was one too many."""


def take(bucket: Bucket | None, now: float, per_minute: float, burst: int) -> tuple[Bucket, float]:
    """The bucket after one call at `now`, and 0; or the bucket as it is then, and the seconds until a call is allowed.

    None is somebody who hasn't asked for long.
    """
    rate = per_minute / 60
    level = float(burst) if bucket is None else min(burst, bucket.level + max(0.0, now - bucket.at) * rate)
    if level >= 1:
        return Bucket(level - 1, now), 0.0
    return Bucket(level, now, refused=True), (1 - level) / rate


def give_back(bucket: Bucket, burst: int) -> Bucket:
    """The bucket without one of its calls."""
    return Bucket(min(burst, bucket.level + 1), bucket.at)
