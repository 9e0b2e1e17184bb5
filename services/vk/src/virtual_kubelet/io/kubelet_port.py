"""The kubelet port: what the API server asks a node for on behalf of kubectl."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from aiohttp import web
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import InterlinkError
from interlink.protocol.types import LogRequest
from service_runtime.logs import get_logger

from virtual_kubelet.core.log_query import LogQuery, LogQueryError, log_query
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.io.commands import Commands
from virtual_kubelet.io.kubelet_access import KubeletAccess
from virtual_kubelet.io.node_stats import NodeStats
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

NOT_HERE = (
    "{what} is not possible on this node: the pod runs as a batch job at a remote site, and the way there carries no "
    "such streams. Use `kubectl logs` (also with -f) to see its output.\n"
)
_INTERACTIVE = {"exec": "exec", "attach": "attach", "portForward": "port forwarding", "run": "running a command"}
_CONTAINER = ("{namespace}/{pod}/{container}", "{namespace}/{pod}/{uid}/{container}")

log = get_logger(__name__)


class KubeletPort:
    """The routes; `access` decides who may call them."""

    def __init__(
        self,
        registry: Registry,
        interlink: InterlinkClient,
        access: KubeletAccess,
        stats: NodeStats,
        executes: Callable[[], bool] = lambda: False,
    ) -> None:
        """`executes`: whether the site runs commands in containers just now."""
        self._executes = executes
        self._commands = Commands(registry, interlink)
        self._registry = registry
        self._interlink = interlink
        self._access = access
        self._stats = stats

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._access.middleware()])
        route = app.router
        route.add_get("/healthz", self._healthz)
        route.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        route.add_get("/pods", self._pods)
        route.add_get("/pods/", self._pods)
        route.add_get("/runningpods", self._running)
        route.add_get("/runningpods/", self._running)
        for method in ("GET", "POST"):
            for path in _CONTAINER:
                route.add_route(method, "/exec/" + path, self._command)
                route.add_route(method, "/attach/" + path, self._command)
        self._stats.add_routes(route)
        for path in _INTERACTIVE:
            route.add_route("*", f"/{path}/{{rest:.*}}", self._interactive)
        return app

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _command(self, request: web.Request) -> web.StreamResponse:
        if not self._executes():
            return await self._interactive(request)
        return await self._commands.handle(request)

    async def _interactive(self, request: web.Request) -> web.Response:
        what = _INTERACTIVE[request.path.split("/", 2)[1]]
        return web.Response(status=501, text=NOT_HERE.format(what=what))

    async def _pods(self, _request: web.Request) -> web.Response:
        return _pod_list([entry.pod() for entry in self._registry if not entry.gone])

    async def _running(self, _request: web.Request) -> web.Response:
        """Pods that are at work, as small as a kubelet shows them."""
        return _pod_list([_outline(e.pod()) for e in self._registry if e.phase == "Running" and not e.gone])

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        namespace, name, container = (request.match_info[key] for key in ("namespace", "pod", "container"))
        entry = self._registry.named(namespace, name)
        if entry is None:
            return web.Response(status=404, text=f'pod "{namespace}/{name}" is not on this node\n')
        refusal = _not_yet(entry.pod(), container)
        if refusal is not None:
            return refusal
        try:
            query = log_query(request.query, rfc3339(time.time()))
        except LogQueryError as error:
            return web.Response(status=400, text=f"{error}\n")
        if query.nothing:
            return web.Response(text="")
        asked = LogRequest(namespace, entry.uid, name, container, query.options)
        return await self._stream(request, asked, query)

    async def _stream(self, request: web.Request, asked: LogRequest, query: LogQuery) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        try:
            async with self._interlink.logs(asked) as chunks:
                await response.prepare(request)
                async for chunk in _limited(chunks, query.cut_at):
                    await response.write(chunk)
        except InterlinkError as error:
            log.info("logs.failed", pod_uid=asked.PodUID, status=error.http_status, error=error.reason[:500])
            if not response.prepared:
                return _no_log(error)
            if request.transport is not None:
                request.transport.abort()  # a cut log must not look like a whole one
        except ConnectionError:
            log.debug("logs.reader_gone", pod_uid=asked.PodUID)
        else:
            await response.write_eof()
        return response


def _no_log(error: InterlinkError) -> web.Response:
    """Of the statuses that an API server gets here it passes on 400, 404, 429 and, for all else, 500 with the words."""
    if error.http_status == 429:
        return web.Response(status=429, text=f"too many logs are read at once on this node: {error.reason}\n")
    status = 404 if error.http_status == 404 else 500
    return web.Response(status=status, text=f"the site has no log to give: {error.reason}\n")


async def _limited(chunks: AsyncIterator[bytes], limit: int | None) -> AsyncIterator[bytes]:
    left = limit
    async for chunk in chunks:
        if left is None:
            yield chunk
            continue
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _not_yet(pod: JsonObject, container: str) -> web.Response | None:
    """The refusal, in a kubelet's words, where there can't be a log."""
    status = pods.status(pod)
    known = {c["name"] for c in pods.all_containers(pod)}
    if container not in known:
        text = f"container {container} not found in pod {pods.name(pod)} as it runs at the site\n"
        return web.Response(status=404, text=text)
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    every = [found for kind in kinds for found in status.get(kind) or []]
    state = next((s.get("state") or {} for s in every if s["name"] == container), {})
    ran_before = any(s["name"] == container and (s.get("lastState") or {}).get("terminated") for s in every)
    if pods.is_terminal(pod) or "running" in state or "terminated" in state or ran_before:
        return None
    why = (state.get("waiting") or {}).get("reason", "ContainerCreating")
    text = f'container "{container}" in pod "{pods.name(pod)}" is waiting to start: {why}\n'
    return web.Response(status=400, text=text)


def _outline(pod: JsonObject) -> JsonObject:
    meta = {key: pod["metadata"].get(key) for key in ("name", "namespace", "uid")}
    containers = [{"name": c["name"], "image": c.get("image", ""), "resources": {}} for c in pod["spec"]["containers"]]
    return {"metadata": meta, "spec": {"containers": containers}, "status": {}}


def _pod_list(items: list[JsonObject]) -> web.Response:
    found: dict[str, Any] = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}
    return web.Response(body=msgspec.json.encode(found), content_type="application/json")
