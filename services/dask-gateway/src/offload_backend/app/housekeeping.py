"""What is done now and then: leftovers removed, tickets renewed, history shortened, and what clusters and servers mean to each
other: a cluster keeps its user's server from being culled, and ends some time after the last one.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from dask_gateway_server.backends import db_base
from dask_gateway_server.backends.db_base import JobStatus
from kubernetes_client.answer import ApiError
from service_runtime.logs import get_logger

from offload_backend import metrics
from offload_backend.app.submission import Submission
from offload_backend.core.orphans import orphans
from offload_backend.io.cluster_objects import ClusterObjects
from offload_backend.io.hub import Hub
from offload_backend.io.pod_watch import PodWatch
from offload_backend.io.tickets import KeyUnusable
from offload_backend.model.settings import Settings
from offload_backend.model.values import seconds

SWEEP_SECONDS = 30.0
SERVERS_SECONDS = 60.0
TICKETS_SECONDS = 600.0
MOST_DELETES = 50
ENDED_WORKERS = 300
"""Of a cluster, how many that ended are remembered: one that lives for weeks would fill the database."""

log = get_logger(__name__)


class Housekeeping:
    """`gateway` is the backend: its database and its queue."""

    def __init__(self, gateway: Any, settings: Settings, objects: ClusterObjects, watch: PodWatch) -> None:
        self._gateway = gateway
        self._settings = settings
        self._objects = objects
        self._watch = watch
        self._without_server: dict[str, float] = {}

    async def sweep(self) -> None:
        """Remove what belongs to no cluster, as after a delete that the API server didn't take."""
        while True:
            await self._watch.synced.wait()
            await self.sweep_once(time.time())
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep_once(self, now: float) -> None:
        clusters = self._clusters()
        active = {
            c.name: frozenset(w.name for w in c.workers.values() if w.status < JobStatus.STOPPED) for c in clusters
        }
        found = orphans(self._watch.every(), active, now, seconds(self._settings.timing.orphan))
        try:
            for pod in found[:MOST_DELETES]:
                name = pod["metadata"]["name"]
                log.warning("orphan.removed", pod=name, pod_uid=pod["metadata"].get("uid"))
                await self._objects.delete_pod(name)
                metrics.ORPHANS.inc()
            await self._objects.delete_secrets_of_none(lambda: [cluster.name for cluster in self._clusters()])
        except ApiError as error:
            log.warning("sweep.interrupted", status=error.status, error=error.message)
        for cluster in clusters:
            self._shorten(cluster)
        self._gauge(clusters)

    def _clusters(self) -> list[Any]:
        """Those that have not ended."""
        return [c for c in self._gateway.db.name_to_cluster.values() if c.status < JobStatus.STOPPED]

    async def renew_tickets(self, age: float) -> None:
        """New tickets for those older than `age`; pods on ordinary nodes see them within a minute or two."""
        while True:
            await asyncio.sleep(TICKETS_SECONDS)
            await self.renew_due(time.time(), age)

    async def renew_due(self, now: float, age: float) -> None:
        for cluster in list(self._gateway.db.active_clusters()):
            if cluster.status >= JobStatus.SUBMITTED and now - cluster.state.get("tickets", now) > age:
                try:
                    await self._submission.renew(cluster)
                except (ApiError, KeyUnusable) as error:
                    log.warning("tickets.not_renewed", cluster=cluster.name, error=str(error))

    @property
    def _submission(self) -> Submission:
        submission: Submission = self._gateway.submission
        return submission

    async def follow_servers(self, hub: Hub, grace: float | None) -> None:
        """Keep the servers of users with clusters from being culled as idle, and end the clusters of users whose servers have
        all ended, after `grace` seconds; none: never. A hub that is away ends nothing.
        """
        async with hub.client:
            while True:
                await self.look_for_servers(hub, time.monotonic(), grace)
                await asyncio.sleep(SERVERS_SECONDS)

    async def look_for_servers(self, hub: Hub, now: float, grace: float | None) -> None:
        users = {cluster.username for cluster in self._gateway.db.active_clusters()}
        for user in set(self._without_server) - users:
            del self._without_server[user]
        for user in sorted(users):
            servers = await hub.servers(user)
            if servers is None:
                continue
            if servers:
                self._without_server.pop(user, None)
                await hub.keep_active(user, servers, datetime.now(UTC))
            elif grace is not None and now - self._without_server.setdefault(user, now) >= grace:
                self._end_clusters(user)

    def _end_clusters(self, user: str) -> None:
        after = self._settings.hub.server_gone
        for cluster in self._gateway.db.list_clusters(username=user):
            self._gateway.end_cluster(cluster, f"It ended with its user's last server, {after} later.", "server gone")

    def _shorten(self, cluster: Any) -> None:
        """Forget the workers that ended first, and what was kept of their logs earlier still."""
        ended = [w for w in cluster.workers.values() if w.status >= JobStatus.STOPPED]
        surplus = sorted(ended, key=lambda w: w.stop_time or 0)[: max(0, len(ended) - ENDED_WORKERS)]
        if not surplus:
            return
        with self._gateway.db.db.begin() as connection:
            table = db_base.workers
            connection.execute(sqlalchemy.delete(table).where(table.c.id.in_([w.id for w in surplus])))
        for worker in surplus:
            del cluster.workers[worker.name]

    def _gauge(self, clusters: list[Any]) -> None:
        metrics.CLUSTERS.clear()
        metrics.WORKERS.clear()
        for cluster in clusters:
            metrics.CLUSTERS.labels(cluster.status.name.lower()).inc()
            for worker in cluster.workers.values():
                if worker.status < JobStatus.STOPPED:
                    metrics.WORKERS.labels(cluster.config.site, worker.status.name.lower()).inc()
