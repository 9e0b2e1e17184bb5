"""Workers that lost their scheduler while their pods run: they are expected back.

The relay was replaced, or a user restarts the workers: the nanny starts the next process, under the same name. dask-gateway would
replace the worker at once, and a job that had waited in a queue would be over for a connection of a few seconds.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from dask_gateway_server.backends.db_base import Cluster, JobStatus

from offload_backend.core import names
from offload_backend.core.command import DEATH_SECONDS
from offload_backend.core.fate import Stage, fate
from offload_backend.core.pod import JsonObject


class Pods(Protocol):
    """What is known of them; of nobody, before they were listed."""

    synced: asyncio.Event

    def get(self, name: str) -> JsonObject | None: ...


class Absences:
    """Who is missed, and since when."""

    def __init__(self, pods: Pods, clock: Callable[[], float] = time.monotonic) -> None:
        self._pods = pods
        self._clock = clock
        self._since: dict[str, float] = {}
        """When each worker was first missed."""

    def excused(self, cluster: Cluster, heartbeat: dict[str, Any]) -> dict[str, Any]:
        """The scheduler's report, in which whoever is expected back has not gone.

        A scheduler stops at some time to name workers that have closed. Of one that runs, as far as is known, that is the news: as
        when the gateway was away, or was replaced and has begun to wait for it anew.
        """
        self.forget(heartbeat["active_workers"])
        closed = [*heartbeat["closed_workers"], *_unnamed(cluster, heartbeat)]
        kept = {name for name in closed if self._is_expected(cluster, name)}
        gone = [name for name in closed if name not in kept]
        return {**heartbeat, "active_workers": [*heartbeat["active_workers"], *kept], "closed_workers": gone}

    def _is_expected(self, cluster: Cluster, name: str) -> bool:
        worker = cluster.workers.get(name)
        # one that is being replaced already would be counted beside its replacement, which would be taken back
        if worker is None or not worker.is_active() or worker.close_expected:
            return False
        pod = self._pods.get(names.worker_pod_name(name))
        if self._pods.synced.is_set() and (pod is None or fate(pod).stage is not Stage.RUNNING):
            return False
        # by then its nanny has given up, too
        return self._clock() - self._since.setdefault(name, self._clock()) < DEATH_SECONDS

    def forget(self, workers: Iterable[str]) -> None:
        """They are sent away, or their cluster has ended."""
        for name in workers:
            self._since.pop(name, None)


def _unnamed(cluster: Cluster, heartbeat: dict[str, Any]) -> list[str]:
    named = {name for kind in ("active", "closing", "closed") for name in heartbeat[f"{kind}_workers"]}
    running = (worker.name for worker in cluster.workers.values() if worker.status == JobStatus.RUNNING)
    return [name for name in running if name not in named]
