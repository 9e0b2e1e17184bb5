"""What users see of their clusters: workers with their reasons, logs, and room to grow."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.db_base import Cluster, JobStatus
from dask_gateway_server.routes import api_handler
from kubernetes_client.answer import ApiError

from offload_backend.core import names, report
from offload_backend.core.report import WorkerView
from offload_backend.io.pod_logs import MOST_LINES, tail

DEFAULT_LINES = 50
routes = web.RouteTableDef()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def idleness(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A scheduler that ends its own cluster, which it shows by the cluster's token, does so since nothing was computed."""
    cluster = request.app["backend"].db.get_cluster(request.match_info.get("cluster_name", ""))
    if request.method == "DELETE" and cluster is not None:
        shown = request.headers.get("Authorization", "")
        if hmac.compare_digest(shown.encode(), f"token {cluster.token}".encode()):
            idle = request.app["backend"].settings.timing.idle
            request.app["backend"].end_cluster(cluster, f"It computed nothing for {idle}.", "idle")
    return await handler(request)


def _cluster(request: web.Request) -> Cluster:
    """The cluster of a route, for its user, or for its own scheduler, who shows the cluster's token (user None)."""
    name, user = request.match_info["cluster_name"], request["user"]
    cluster = request.app["backend"].db.get_cluster(name)
    if cluster is None:
        raise web.HTTPNotFound(reason=f"There is no cluster {name}. It ended some time ago, or never was.")
    if user is not None and not user.has_permissions(cluster):
        raise web.HTTPForbidden(reason=f"The cluster {name} is not yours.")
    return cluster


@routes.get("/api/v1/clusters/{cluster_name}/workers")
@api_handler(user_authenticated=True)  # type: ignore[untyped-decorator]
async def workers(request: web.Request) -> web.Response:
    """The cluster with the sentence about its end, and its workers, each with state and reason."""
    cluster, backend = _cluster(request), request.app["backend"]
    views, left_off = report.page(_view(backend, cluster, worker) for worker in cluster.workers.values())
    warnings = await backend.warnings.by_uid() if any(_waits(view) for view in views) else {}
    rows = [report.row(view, cluster.config.site, warnings) for view in views]
    for row in rows:
        row["message"] = row["message"] or backend.submission.delays.get(row["name"], "")
    about = {
        "name": cluster.name,
        "status": cluster.model_status.name,
        "message": cluster.state.get("message") or backend.submission.delays.get(cluster.name, ""),
        "limited": backend.limited.get(cluster.name, ""),
    }
    return web.json_response({"cluster": about, "workers": rows, "left_off": left_off})


@routes.get("/api/v1/relay")
@api_handler(user_authenticated=True)  # type: ignore[untyped-decorator]
async def relay(request: web.Request) -> web.Response:
    """Where the relay is, and whose certificates it has, for whoever wants to know if it answers; to use it takes a ticket."""
    found = request.app["backend"].settings.relay
    if found is None:
        return web.json_response({"members": [], "authorities": None})
    authorities = None if found.ca_file is None else await asyncio.to_thread(found.ca_file.read_text)
    return web.json_response({"members": list(found.members), "authorities": authorities})


@routes.get("/api/v1/clusters/{cluster_name}/capacity")
@api_handler(user_authenticated=True, token_authenticated=True)  # type: ignore[untyped-decorator]
async def capacity(request: web.Request) -> web.Response:
    """For adaptive scaling, in the scheduler or wherever the user asks."""
    return web.json_response(await request.app["backend"].shares.capacity(_cluster(request)))


@routes.get("/api/v1/clusters/{cluster_name}/workers/{worker}/logs")
@api_handler(user_authenticated=True)  # type: ignore[untyped-decorator]
async def worker_logs(request: web.Request) -> web.Response:
    cluster, name = _cluster(request), request.match_info["worker"]
    worker = cluster.workers.get(name)
    if worker is None:
        raise web.HTTPNotFound(reason=f"The cluster {cluster.name} has no worker {name[:60]}.")
    return await _log(request, names.worker_pod_name(name), worker.state.get("log"))


@routes.get("/api/v1/clusters/{cluster_name}/scheduler/logs")
@api_handler(user_authenticated=True)  # type: ignore[untyped-decorator]
async def scheduler_logs(request: web.Request) -> web.Response:
    cluster = _cluster(request)
    return await _log(request, names.scheduler_name(cluster.name), cluster.state.get("log"))


async def _log(request: web.Request, pod: str, kept: str | None) -> web.Response:
    """The end of a pod's log; what was kept of it where the pod is gone."""
    lines, backend = _lines(request), request.app["backend"]
    if kept is not None:
        last = kept.splitlines(keepends=True)[-lines:]
        return web.json_response({"log": "".join(last), "source": "kept"})
    if backend.watch.get(pod) is None:
        raise web.HTTPNotFound(reason="There is no log: the pod isn't there yet, or it is gone without having failed.")
    try:
        text = await tail(backend.api, backend.settings.namespace, pod, lines)
    except ApiError as error:
        if error.status == 400:  # a container that waits to start
            raise web.HTTPNotFound(reason="There is no log yet: the container hasn't started.") from error
        said = " ".join(error.message.split())[:300]
        raise web.HTTPServiceUnavailable(reason=f"The log can't be read now: {said}") from error
    return web.json_response({"log": text, "source": "pod"})


def _lines(request: web.Request) -> int:
    text = request.query.get("lines", str(DEFAULT_LINES))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= MOST_LINES and len(text) <= 6):
        raise web.HTTPUnprocessableEntity(reason=f"lines is a number from 1 to {MOST_LINES}.")
    return int(text)


def _view(backend: Any, cluster: Cluster, worker: Any) -> WorkerView:
    return WorkerView(
        name=worker.name,
        connected=worker.status == JobStatus.RUNNING,
        closing=bool(worker.close_expected),
        over=worker.target >= JobStatus.CLOSING,
        state=worker.state,
        started=worker.start_time,
        stopped=worker.stop_time,
        pod=backend.watch.get(names.worker_pod_name(worker.name)),
    )


def _waits(view: WorkerView) -> bool:
    return not view.over and not view.connected
