"""When to ask again, and when a token that can't be renewed has to go: pure decisions of an answer and the time."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from highrate.tokens.answer import Answer, Granted, Refused

RENEW_AFTER = (0.80, 0.88)
"""Of the life that is left. Not earlier than the service's own 80 %: until then it hands out the same token again."""
SOONEST = 5.0
LONGEST = 86_400.0
"""However long a token is good for: what it is good for may change, and clocks are set."""
AWAY = (2.0, 60.0)
"""Seconds to the first and to the later attempts while the service is away."""
REFUSED = (60.0, 300.0)
"""The same while it refuses."""
LONGEST_ASKED_FOR = 600.0  # a Retry-After beyond it is a mistake, or a day without tokens


@dataclass(frozen=True)
class Decision:
    """``wait``: seconds until the next call. ``drop``: the token that is held has expired and won't be renewed."""

    wait: float
    drop: bool = False


def decide(
    answer: Answer,
    *,
    now: float,
    held_until: float | None,
    failures: int,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """``held_until``: when the token in the file expires, None if there is none or nobody knows.

    ``failures``: calls in a row that ended like this one, itself not counted.
    """
    if isinstance(answer, Granted):
        return Decision(min(LONGEST, max(SOONEST, (answer.expires_at - now) * uniform(*RENEW_AFTER))))
    first, most = REFUSED if isinstance(answer, Refused) else AWAY
    wait = min(most, first * 2.0 ** min(failures, 16)) * uniform(0.8, 1.2)
    if not isinstance(answer, Refused):
        return Decision(max(wait, min(answer.retry_after, LONGEST_ASKED_FOR)))
    if held_until is None:
        return Decision(wait)
    if held_until <= now:
        return Decision(wait, drop=True)
    return Decision(min(wait, max(1.0, held_until - now)))  # to be there when it expires
