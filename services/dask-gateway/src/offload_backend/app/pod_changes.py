"""What a change of a pod means for its cluster: an end is acted on when it is seen, not at the next look around."""

from typing import Any

from dask_gateway_server.backends.db_base import Cluster, JobStatus, Worker
from service_runtime.logs import get_logger

from offload_backend.core import cluster_end, names, report
from offload_backend.core.fate import DELETED, Fate, Stage, fate, hopeless
from offload_backend.core.pod import JsonObject

log = get_logger(__name__)


class PodChanges:
    """`gateway` is the backend: its database and its queue."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def changed(self, before: JsonObject | None, after: JsonObject | None) -> None:
        pod = after or before or {}
        cluster = self._gateway.db.get_cluster(names.label(pod, names.CLUSTER_LABEL))
        if cluster is None or cluster.target != JobStatus.RUNNING:
            return
        name = names.label(pod, names.WORKER_LABEL)
        if not name:
            self.look_at_scheduler(cluster, after)
        elif name in cluster.workers:
            self.look_at_worker(cluster.workers[name], after, pod)

    def look_at_scheduler(self, cluster: Cluster, pod: JsonObject | None) -> bool:
        """Whether the scheduler may still be, or become, one; the cluster is ended if not."""
        if cluster.status not in (JobStatus.SUBMITTED, JobStatus.RUNNING):
            return True
        if pod is None:
            self._gateway.fail_cluster(cluster, cluster_end.scheduler_over(DELETED))
            return False
        seen = fate(pod)
        if seen.over:
            sentence = cluster_end.scheduler_over(seen)
            if seen.stage is Stage.ENDED:
                self._gateway.end_cluster(cluster, sentence, "shut down")
            else:
                self._gateway.fail_cluster(cluster, sentence)
            return False
        why = hopeless(pod) if cluster.status == JobStatus.SUBMITTED else None
        if why is not None:
            self._gateway.fail_cluster(cluster, f"The scheduler can't start. {why}")
        return why is None

    def look_at_worker(self, worker: Worker, pod: JsonObject | None, last: JsonObject) -> bool:
        """Whether the worker may still be, or become, one; it is replaced if not."""
        if worker.target != JobStatus.RUNNING or worker.status not in (JobStatus.SUBMITTED, JobStatus.RUNNING):
            return True
        seen = DELETED if pod is None else fate(pod)
        why = hopeless(pod) if pod is not None and worker.status == JobStatus.SUBMITTED else None
        if why is not None:
            seen = Fate(Stage.FAILED, "ImageUnusable", why)
        if not seen.over:
            return True
        well = seen.stage is Stage.ENDED or worker.close_expected
        if worker.status == JobStatus.SUBMITTED and not well:
            worker.cluster.worker_start_failure_count += 1
        state = {**worker.state, **report.kept(seen, last)}
        self._gateway.db.update_worker(worker, target=JobStatus.STOPPED if well else JobStatus.FAILED, state=state)
        self._gateway.queue.put(worker)
        log.info("worker.over", cluster=worker.cluster.name, worker=worker.name, reason=seen.reason)
        return False
