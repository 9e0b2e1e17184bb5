"""How often each user asks."""

import time
from collections.abc import Callable

from service_runtime.bounded import Bounded
from service_runtime.rate import Bucket, take

from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Limits


class RateLimit:
    """Remembers the latest users only: who is forgotten hasn't asked for longest, and starts anew."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: Bounded[str, Bucket] = Bounded(limits.users)

    def check(self, user: str) -> None:
        """Count a call of `user`. Raises Refusal if there were too many."""
        bucket, wait = take(self._buckets.get(user), self._clock(), self._limits.per_minute, self._limits.burst)
        self._buckets.put(user, bucket)
        if wait > 0:
            raise Refusal(
                Outcome.RATE_LIMITED,
                f"Too many calls: {self._limits.per_minute:g} a minute are allowed. Keep a token until it is nearly over.",
                retry_after=wait,
            )
