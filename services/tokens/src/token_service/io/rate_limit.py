"""How often somebody asks: a user, and an address of which nobody knows yet whose it is."""

import time
from collections.abc import Callable
from typing import Literal

from service_runtime.bounded import Bounded
from service_runtime.rate import Bucket, give_back, take

from token_service import metrics
from token_service.model.refusal import Outcome, Refusal

Counted = Literal["user", "address"]

_SENTENCES: dict[Counted, str] = {
    "user": "Too many calls: {rate:g} a minute are allowed. Keep a token until it is nearly over.",
    "address": "Too many calls that led to nothing came from this address: {rate:g} a minute are allowed. "
    "Send JUPYTERHUB_API_TOKEN of a server that runs.",
}


class RateLimit:
    """Remembers the latest `size` only: who is forgotten hasn't asked for longest, and starts anew."""

    def __init__(
        self,
        counted: Counted,
        per_minute: float,
        burst: int,
        size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counted: Counted = counted
        self._per_minute = per_minute
        self._burst = burst
        self._clock = clock
        self._buckets: Bounded[str, Bucket] = Bounded(size)

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, who: str) -> None:
        """Count a call of `who`. Raises Refusal if there were too many."""
        before = self._buckets.get(who)
        bucket, wait = take(before, self._clock(), self._per_minute, self._burst)
        self._buckets.put(who, bucket)
        if wait > 0:
            metrics.rate_limited.labels(self._counted).inc()
            sentence = _SENTENCES[self._counted].format(rate=self._per_minute)
            refusal = Refusal(Outcome.RATE_LIMITED, sentence, retry_after=wait)
            refusal.told = before is not None and before.refused
            raise refusal

    def give_back(self, who: str) -> None:
        """The last call of `who` isn't to count."""
        bucket = self._buckets.get(who)
        if bucket is not None:
            self._buckets.put(who, give_back(bucket, self._burst))
