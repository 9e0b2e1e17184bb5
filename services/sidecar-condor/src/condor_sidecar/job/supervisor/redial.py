"""How long the supervisor waits before it tries again to reach somebody who did not answer."""

import random

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds


def pause(attempt: int) -> float:
    """Seconds before the next attempt: not the same for all jobs of a sidecar that comes back."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
