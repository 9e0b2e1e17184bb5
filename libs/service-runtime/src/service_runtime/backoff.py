"""Exponential back-off with jitter: the one way in which anything here waits before it tries again."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow from `initial` to `maximum` seconds by `factor`, spread by `jitter` (a fraction of the wait)."""

    initial: float
    maximum: float
    factor: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not (0 < self.initial <= self.maximum and self.factor >= 1 and 0 <= self.jitter < 1):
            raise ValueError(f"need 0 < initial <= maximum, factor >= 1 and 0 <= jitter < 1, not {self}")

    def delay(self, attempt: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
        """Seconds to wait after the failed attempt number `attempt` (the first is 0); never above `maximum`."""
        # the exponent is capped before the power is taken: a pod may be retried for months
        steps = min(attempt, 64)
        wait = min(self.maximum, self.initial * self.factor**steps)
        return min(self.maximum, wait * uniform(1 - self.jitter, 1 + self.jitter))
