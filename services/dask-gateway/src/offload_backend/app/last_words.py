"""What is kept of schedulers and workers that failed, before their pods go: why, and the end of their log."""

from typing import Any

from dask_gateway_server.backends.db_base import Cluster, JobStatus, Worker
from kubernetes_client.answer import ApiError
from service_runtime.logs import get_logger

from offload_backend.core import cluster_end, report
from offload_backend.core.cluster_end import LastSeen
from offload_backend.core.fate import fate
from offload_backend.core.pod import JsonObject
from offload_backend.io.pod_logs import tail

LINES = 200
MOST_CHARACTERS = 16_000
LOGS_OF_A_CLUSTER = 20

log = get_logger(__name__)


async def of_worker(backend: Any, worker: Worker, pod: JsonObject | None) -> None:
    """Keep them in the worker's state, and let go of the log of one that failed long before."""
    if pod is None:
        return
    state = {**report.kept(fate(pod), pod), **worker.state}
    text = await _log(backend, pod)
    if text:
        state["log"] = text
    backend.db.update_worker(worker, state=state)
    having = [w for w in worker.cluster.workers.values() if "log" in w.state]
    for oldest in sorted(having, key=lambda w: w.stop_time or float("inf"))[: max(0, len(having) - LOGS_OF_A_CLUSTER)]:
        backend.db.update_worker(oldest, state={key: value for key, value in oldest.state.items() if key != "log"})


async def of_cluster(backend: Any, cluster: Cluster, pod: JsonObject | None) -> None:
    """Keep the scheduler's log, and say why the cluster failed where nothing did so far."""
    state = dict(cluster.state)
    if "message" not in state:
        state["message"] = cluster_end.sentence(_last_seen(backend, cluster, pod))
        log.info("cluster.failed", cluster=cluster.name, user=cluster.username, sentence=state["message"])
    text = await _log(backend, pod) if pod is not None else ""
    if text:
        state["log"] = text
    backend.db.update_cluster(cluster, state=state)


def _last_seen(backend: Any, cluster: Cluster, pod: JsonObject | None) -> LastSeen:
    failed = [w for w in cluster.workers.values() if JobStatus.FAILED in (w.target, w.status)]
    last = max(failed, key=lambda w: w.stop_time or 0, default=None)
    timing = backend.settings.timing
    return LastSeen(
        scheduler=fate(pod) if pod is not None else None,
        reported=bool(cluster.scheduler_address),
        failures=cluster.worker_start_failure_count,
        failure_limit=timing.worker_failures,
        last_failure=last.state.get("message", "") if last is not None else "",
        start_limit=timing.cluster_start,
        heartbeat_limit=timing.heartbeat_missed,
    )


async def _log(backend: Any, pod: JsonObject) -> str:
    """The end of the pod's log; "" where there is none to be had: it is a courtesy, and holds up no end."""
    try:
        text = await tail(backend.api, backend.settings.namespace, pod["metadata"]["name"], LINES)
    except ApiError as error:
        log.info("log.not_kept", pod=pod["metadata"]["name"], status=error.status, error=error.message)
        return ""
    return text[-MOST_CHARACTERS:]
