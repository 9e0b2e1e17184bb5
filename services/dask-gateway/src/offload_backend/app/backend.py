"""dask-gateway's backend for pods: which of its steps are ours, and how the parts hang together.

The database says what should be; Kubernetes what is. Each step can be repeated, and what a step could not do (the API server was
away) is done by a later one: a start goes back to the queue, a stop is finished by the sweep.
"""

import contextlib
from typing import Any

import aiohttp
from aiohttp import web
from dask_gateway_server import models
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.db_base import Cluster, DBBackendBase, JobStatus, Worker
from kubernetes_client.api import ApiServer
from service_runtime.boundary import keep_running
from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability
from traitlets import Instance

from offload_backend import metrics
from offload_backend.app import last_words, views
from offload_backend.app.absences import Absences
from offload_backend.app.housekeeping import Housekeeping
from offload_backend.app.options import OfferedOptions
from offload_backend.app.pace import Pace
from offload_backend.app.pod_changes import PodChanges
from offload_backend.app.shares import Shares
from offload_backend.app.submission import Submission
from offload_backend.core import addresses, names
from offload_backend.core.budget import too_many_clusters
from offload_backend.core.offer import offer
from offload_backend.io.cluster_objects import ClusterObjects
from offload_backend.io.hub import Hub
from offload_backend.io.nodes import Nodes
from offload_backend.io.pod_watch import PodWatch
from offload_backend.io.warnings import Warnings
from offload_backend.model.settings import Settings
from offload_backend.model.values import seconds

AGENT = "highrate-offload-backend"
_SCHEDULER_DEADLINES = aiohttp.ClientTimeout(total=10, sock_connect=5)
_SCHEDULER_TRIES = 3

log = get_logger(__name__)


class OffloadBackend(DBBackendBase):  # type: ignore[misc] # dask-gateway is untyped
    settings = Instance(
        Settings, config=True, help="The configuration file; offload_backend.app.gateway_config sets it."
    )

    # one delete ends a cluster, however many workers it has
    supports_bulk_shutdown = True

    async def setup(self, app: web.Application) -> None:
        """Everything is there before dask-gateway's own loops begin to use it."""
        settings = self.settings
        self._stack = contextlib.AsyncExitStack()
        self.api = await self._stack.enter_async_context(
            await ApiServer.connect(settings.kubeconfig, AGENT, metrics.API)
        )
        self.objects = ClusterObjects(self.api, settings.namespace, settings.instance)
        self.changes = PodChanges(self)
        self.watch = PodWatch(
            self.api, settings.namespace, settings.instance, self.changes.changed, self.look_at_everything
        )
        self.warnings = Warnings(self.api, settings.namespace)
        self.submission = Submission(self, settings, self.objects, self.watch)
        self.absences = Absences(self.watch)
        self.pace = Pace(settings.rate)
        self.limited: dict[str, str] = {}
        app.add_routes(views.routes)
        app.middlewares.append(views.idleness)
        await super().setup(app)

    async def do_setup(self) -> None:
        settings = self.settings
        self.shares = Shares(self.db, settings, Nodes(self.api))
        self.housekeeping = Housekeeping(self, settings, self.objects, self.watch)
        await self._stack.enter_async_context(serve_observability(settings.metrics, self.unready))
        loops = {"watch": self.watch.run, "sweep": self.housekeeping.sweep}
        if settings.relay is not None:
            lifetime = seconds(settings.relay.ticket_lifetime)
            loops["tickets"] = lambda: self.housekeeping.renew_tickets(lifetime / 2)
        grace = None if settings.hub.server_gone is None else seconds(settings.hub.server_gone)
        hub = Hub(settings.hub.url, settings.hub.token_file)
        loops["servers"] = lambda: self.housekeeping.follow_servers(hub, grace)
        # dask-gateway's pool cancels them at the end, but holds them weakly
        self._loops = [
            self.task_pool.spawn(keep_running(name, loop, metrics.LOOP_FAILURES)) for name, loop in loops.items()
        ]

    async def do_cleanup(self) -> None:
        if hasattr(self, "_stack"):
            await self._stack.aclose()

    def unready(self) -> str | None:
        return None if self.watch.synced.is_set() else "the pods were not listed yet"

    # --- what users ask for

    async def get_cluster_options(self, user: models.User) -> OfferedOptions:
        return OfferedOptions(self.settings, offer(self.settings, user.groups))

    async def start_cluster(self, user: models.User, cluster_options: dict[str, Any]) -> str:
        limit = offer(self.settings, user.groups).limits.clusters
        running = [c for c in self.db.list_clusters(username=user.name) if c.is_active()]
        refusal = too_many_clusters(limit, len(running))
        if refusal is not None:
            raise PublicException(refusal)
        self.pace.count(user.name)
        try:
            name: str = await super().start_cluster(user, cluster_options)
        except PublicException:
            self.pace.give_back(user.name)
            raise
        return name

    async def forward_message_to_scheduler(self, cluster: models.Cluster, msg: dict[str, Any]) -> None:
        """As dask-gateway does, but a scheduler that doesn't answer for a moment isn't killed for it: heartbeats tell."""
        own = self.db.get_cluster(cluster.name)
        if own is None or own.model_status != models.ClusterStatus.RUNNING:
            raise PublicException(f"The cluster {cluster.name} is not running.")
        allowed = self.shares.allowance(own)
        if msg["op"] == "scale" and msg["count"] > allowed.workers:
            raise PublicException(allowed.reason)
        headers = {"Authorization": f"token {own.token}"}
        for _ in range(_SCHEDULER_TRIES):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.session.post(
                    f"{own.api_address}/api/comm",
                    json=msg,
                    headers=headers,
                    timeout=_SCHEDULER_DEADLINES,
                    # what runs there is the user's, and could send the gateway anywhere
                    allow_redirects=False,
                ) as answer:
                    if answer.status < 300:
                        return
                    log.warning("scheduler.refused", cluster=own.name, status=answer.status)
        raise PublicException(f"The scheduler of {cluster.name} doesn't answer now. Try again in a moment.")

    async def on_cluster_heartbeat(self, cluster_name: str, msg: dict[str, Any]) -> None:
        """The scheduler says how many workers it wants; it gets as many as its user may have."""
        cluster = self.db.get_cluster(cluster_name)
        if cluster is not None and cluster.target <= JobStatus.RUNNING:
            allowed = self.shares.allowance(cluster)
            self.limited.pop(cluster_name, None)
            if msg["count"] > allowed.workers:
                self.limited[cluster_name] = allowed.reason
                msg = {**msg, "count": allowed.workers}
            msg = {**self.absences.excused(cluster, msg), **self._addresses(cluster, msg)}
        await super().on_cluster_heartbeat(cluster_name, msg)
        # a worker that was sent away while another one failed leaves a gap that dask-gateway doesn't look at again
        if cluster is not None and self._runs(cluster) and len(cluster.active_workers()) < cluster.count:
            self.queue.put(cluster)

    def _addresses(self, cluster: Cluster, msg: dict[str, Any]) -> dict[str, str]:
        pod = self.watch.get(names.scheduler_name(cluster.name))
        found = addresses.of_scheduler(pod or {}, dashboard=bool(msg.get("dashboard_address")))
        if found is None and cluster.status != JobStatus.RUNNING:
            raise PublicException("The scheduler's pod has no address yet. Report again in a moment.")
        return found or {}

    # --- from the database to Kubernetes

    async def reconcile_cluster(self, cluster: Cluster) -> None:
        if cluster.status == JobStatus.CREATED and cluster.target == JobStatus.RUNNING:
            await self.submission.cluster(cluster)
        else:
            await super().reconcile_cluster(cluster)

    async def reconcile_worker(self, worker: Worker) -> None:
        if worker.status == JobStatus.CREATED and worker.target == JobStatus.RUNNING:
            await self.submission.worker(worker)
        else:
            await super().reconcile_worker(worker)

    async def do_stop_cluster(self, cluster: Cluster) -> None:
        """Also after a failure of whatever kind, which is explained while there is something to see."""
        self.submission.forget(cluster)
        self.absences.forget(cluster.workers)
        self.limited.pop(cluster.name, None)
        if cluster.target == JobStatus.FAILED:
            pod = self.watch.get(names.scheduler_name(cluster.name))
            await last_words.of_cluster(self, cluster, pod)
        await self.objects.delete_cluster(cluster.name)

    async def do_stop_worker(self, worker: Worker) -> None:
        self.submission.forget(worker)
        self.absences.forget([worker.name])
        name = names.worker_pod_name(worker.name)
        if worker.target == JobStatus.FAILED:
            await last_words.of_worker(self, worker, self.watch.get(name))
        await self.objects.delete_pod(name)

    async def do_check_clusters(self, clusters: list[Cluster]) -> list[bool]:
        """For what a watch can't tell: nothing is known before the pods were listed, so nothing has ended."""
        if not self.watch.synced.is_set():
            return [True] * len(clusters)
        pods = [self.watch.get(names.scheduler_name(cluster.name)) for cluster in clusters]
        return [self.changes.look_at_scheduler(c, pod) for c, pod in zip(clusters, pods, strict=True)]

    async def do_check_workers(self, workers: list[Worker]) -> list[bool]:
        if not self.watch.synced.is_set():
            return [True] * len(workers)
        for worker in workers:
            pod = self.watch.get(names.worker_pod_name(worker.name))
            self.changes.look_at_worker(worker, pod, pod or {})
        return [True] * len(workers)  # those that are over were marked, and counted, already

    @staticmethod
    def _runs(cluster: Cluster) -> bool:
        return bool(cluster.status == JobStatus.RUNNING and cluster.target == JobStatus.RUNNING)

    def look_at_everything(self) -> None:
        """After a whole list: what isn't there ended while nobody looked, as during a restart of the gateway."""
        for cluster in list(self.db.active_clusters()):
            pod = self.watch.get(names.scheduler_name(cluster.name))
            if self.changes.look_at_scheduler(cluster, pod):
                for worker in cluster.active_workers():
                    pod = self.watch.get(names.worker_pod_name(worker.name))
                    self.changes.look_at_worker(worker, pod, pod or {})

    # --- ends

    def fail_cluster(self, cluster: Cluster, sentence: str, status: JobStatus | None = None) -> None:
        self._finish(cluster, JobStatus.FAILED, sentence, "failed", status)

    def end_cluster(self, cluster: Cluster, sentence: str, cause: str) -> None:
        self._finish(cluster, JobStatus.STOPPED, sentence, cause, None)

    def _finish(self, cluster: Cluster, target: JobStatus, sentence: str, cause: str, status: JobStatus | None) -> None:
        if cluster.target > JobStatus.RUNNING:
            return
        log.info("cluster.ended", cluster=cluster.name, user=cluster.username, cause=cause, sentence=sentence)
        metrics.ENDED.labels(cause).inc()
        state = {**cluster.state, "message": sentence}
        self.db.update_cluster(cluster, target=target, state=state, status=status or cluster.status)
        self.queue.put(cluster)
