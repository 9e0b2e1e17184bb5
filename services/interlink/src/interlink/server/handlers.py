"""The API server's calls. Each accepts GET, POST and DELETE, as the Go server does: clients differ in what they send."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from service_runtime.logs import get_logger
from service_runtime.websockets import LINGER_SECONDS, carry

from interlink.protocol.decode import encode
from interlink.protocol.errors import InterlinkError, Rejected
from interlink.protocol.exec import SUBPROTOCOL
from interlink.protocol.features import (
    EXEC,
    FEATURES_HEADER,
    LIST,
    RETRY_CREATE,
    STATS,
    STATUS_BATCH,
    UPDATE,
    WATCH,
    format_features,
)
from interlink.protocol.serving import error_middleware, error_response, json_response, read_json, refusal, session_of
from interlink.protocol.types import CreateReply, CreateRequest, JsonObject, LogRequest, Pod, RetrievedPodData
from interlink.protocol.uid import required_uid
from interlink.server import metrics
from interlink.server.attach import attach_volumes, too_large
from interlink.server.job_script import build_job_script, job_config
from interlink.server.log_request import problems_of
from interlink.server.plugin import Plugin
from interlink.server.settings import ServerSettings
from interlink.server.status_cache import StatusCache

# what we can pass on, if the plugin can do it
_FORWARDED_FEATURES = frozenset({STATUS_BATCH, LIST, RETRY_CREATE, WATCH, UPDATE, STATS, EXEC})

log = get_logger(__name__)


class ApiServer:
    """The calls on one plugin. The only state is the status cache, which is filled anew after a restart."""

    def __init__(self, settings: ServerSettings, plugin: Plugin) -> None:
        self._settings = settings
        self._plugin = plugin
        self._cache = StatusCache()

    def application(self) -> web.Application:
        """An application of its own per call; several can live in one process."""
        app = web.Application(client_max_size=self._settings.body_limit, middlewares=[error_middleware])
        calls: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "/create": self.create,
            "/delete": self.delete,
            "/status": self.status,
            "/getLogs": self.logs,
            "/pinglink": self.ping,
            "/updateCache": self.update_cache,
            "/pods": self.list_pods,
            "/watch": self.watch,
            "/update": self.update,
            "/stats": self.stats,
        }
        for path, handler in calls.items():
            for method in ("GET", "POST", "DELETE"):
                app.router.add_route(method, path, metrics.counted(path.strip("/"), handler))
        app.router.add_get("/exec", metrics.counted("exec", self.exec))
        return app

    async def create(self, request: web.Request) -> web.Response:
        """POST /create: attach each container's volumes and hand the pod to the plugin."""
        message = await read_json(request, CreateRequest)
        uid = required_uid(message.pod)
        building = bool(message.jobscriptURL)
        if building and self._settings.JobScriptBuildConfig is None:
            raise Rejected(["jobscriptURL: this server has no JobScriptBuildConfig and builds no scripts"])
        data = RetrievedPodData(
            pod=message.pod,
            container=attach_volumes(message),
            jobConfig=job_config(self._settings.JobScriptBuildConfig if building else None),
            claims=message.claims,
            pullSecrets=message.pullSecrets,
        )
        if building:
            data.jobScript = await build_job_script(message.jobscriptURL, data)
        reply = await self._handed_over(data, session_of(request))
        log.info("pod.created", pod_uid=uid, request=session_of(request), job=reply.PodJID)
        return json_response(reply)

    async def update(self, request: web.Request) -> web.Response:
        """POST /update: a create's message of a pod that runs, for what changed since (feature `update`)."""
        message = await read_json(request, CreateRequest)
        uid = required_uid(message.pod)
        data = RetrievedPodData(
            pod=message.pod,
            container=attach_volumes(message, ("initContainers", "containers", "ephemeralContainers")),
            claims=message.claims,
            pullSecrets=message.pullSecrets,
        )
        await self._plugin.update(data, session_of(request))
        log.info("pod.updated", pod_uid=uid, request=session_of(request))
        return web.Response(text="updated\n")

    async def _handed_over(self, data: RetrievedPodData, session: str) -> CreateReply:
        try:
            return await self._plugin.create(data, session)
        except Rejected as error:
            if error.http_status != 413:
                raise
            raise Rejected([too_large(data.container or [], len(encode(data))), *error.reasons], 413) from error

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /delete: end the job; the pod is forgotten once the plugin took it."""
        pod: Pod = await read_json(request, JsonObject)
        uid = required_uid(pod)
        await self._plugin.delete(pod, session_of(request))
        self._cache.leave(uid)
        log.info("pod.deleted", pod_uid=uid, request=session_of(request))
        return web.Response(text="deleted\n")

    async def status(self, request: web.Request) -> web.Response:
        """GET /status: statuses of the pods in the body, ended ones from memory; of all known ones for an empty list."""
        pods = await read_json(request, list[JsonObject])
        if not pods:
            return json_response(self._cache.all())
        stale = self._cache.stale(pods)
        told = await self._plugin.status(stale, session_of(request)) if stale else []
        return json_response(self._cache.answer(pods, told))

    async def list_pods(self, request: web.Request) -> web.Response:
        """GET /pods?node=NAME: everything that the plugin holds for a node (feature `list`)."""
        return json_response(await self._plugin.list_pods(_node_of(request), session_of(request)))

    async def stats(self, request: web.Request) -> web.Response:
        """GET /stats?node=NAME: what the running pods of a node use (feature `stats`)."""
        text = await self._plugin.stats(_node_of(request), session_of(request))
        return web.Response(body=text, content_type="application/json")

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """GET /getLogs: the container's log, each piece flushed as the plugin sends it."""
        message = await read_json(request, LogRequest)
        problems = problems_of(message)
        if problems:
            raise Rejected(problems, 400)
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        async with self._plugin.logs(message, session_of(request)) as chunks:
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
            await response.write_eof()
        return response

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """GET /watch: the plugin's statuses as they change (feature `watch`), each piece flushed as it comes."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with self._plugin.watch(request.query_string, session_of(request)) as chunks:
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
        return response

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """GET /exec: a WebSocket to the plugin's (feature `exec`); what goes over it is theirs."""
        if EXEC not in self._plugin.features:
            return refusal(request, 501, "the plugin behind this server runs no commands in containers")
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False, timeout=LINGER_SECONDS)
        if not socket.can_prepare(request).ok:
            raise Rejected(["/exec is a WebSocket: the request asks for none"], 400)
        session = session_of(request)
        async with self._plugin.exec(session) as upstream:
            await socket.prepare(request)
            log.info("exec.began", request=session)
            await carry(socket, upstream)
        log.info("exec.ended", request=session, code=socket.close_code)
        return socket

    async def ping(self, request: web.Request) -> web.Response:
        """POST /pinglink: the plugin's own answer, and what of its features can be used through us."""
        try:
            text = await self._plugin.ping(session_of(request))
        except InterlinkError as error:
            metrics.PLUGIN_UP.set(0)
            return error_response(request, error)
        metrics.PLUGIN_UP.set(1)
        features = format_features(self._plugin.features & _FORWARDED_FEATURES)
        return web.Response(body=text, content_type="application/json", headers={FEATURES_HEADER: features})

    async def update_cache(self, request: web.Request) -> web.Response:
        """POST /updateCache: kept for old clients; the cache needs no help, so the pod's entry is asked for anew."""
        pod = await read_json(request, JsonObject)
        self._cache.drop(required_uid(pod))
        return web.Response(text="Updated cache\n")


def _node_of(request: web.Request) -> str:
    node = request.query.get("node", "")
    if not node:
        raise Rejected(["the query parameter node is missing"], 400)
    return node
