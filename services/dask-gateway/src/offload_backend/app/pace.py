"""How often somebody makes a cluster. Each costs a key pair, and is in memory and database until it is forgotten."""

import time
from collections.abc import Callable

from dask_gateway_server.backends.base import PublicException
from service_runtime.bounded import Bounded
from service_runtime.rate import Bucket, give_back, take

from offload_backend.core.budget import too_often
from offload_backend.model.limits import Rate

USERS = 10_000
"""Of whom it is remembered."""


class Pace:
    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: Bounded[str, Bucket] = Bounded(USERS)

    def count(self, user: str) -> None:
        """A cluster that `user` wants to make. Raises PublicException if there were too many."""
        per_hour, at_once = self._rate.clusters_per_hour, self._rate.clusters_at_once
        bucket, wait = take(self._buckets.get(user), self._clock(), per_hour / 60, at_once)
        self._buckets.put(user, bucket)
        if wait > 0:
            raise PublicException(too_often(per_hour, wait))

    def give_back(self, user: str) -> None:
        """The last one was not made."""
        bucket = self._buckets.get(user)
        if bucket is not None:
            self._buckets.put(user, give_back(bucket, self._rate.clusters_at_once))
