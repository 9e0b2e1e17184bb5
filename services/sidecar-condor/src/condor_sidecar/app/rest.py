"""interLink's plugin side over HTTP: create, status, logs, delete, and the list of pods.

Handlers only translate; each is a look-up or one journaled change.
"""

import time

from aiohttp import web
from interlink.protocol import features, serving
from interlink.protocol.errors import NotNow, Rejected
from interlink.protocol.types import CreateReply, JsonObject, LogRequest, PodStatus, RetrievedPodData
from interlink.protocol.uid import required_uid

from condor_sidecar import metrics
from condor_sidecar.app import watch
from condor_sidecar.app.announcement import announcement
from condor_sidecar.app.exec import Commands
from condor_sidecar.app.health import Health
from condor_sidecar.app.intake import Intake
from condor_sidecar.app.job_channels import JobChannels
from condor_sidecar.app.log_stream import LogStreams
from condor_sidecar.app.pods import PodTable
from condor_sidecar.app.remover import Remover
from condor_sidecar.app.updates import Updates
from condor_sidecar.app.usage import usages
from condor_sidecar.io.journal import JournalError
from condor_sidecar.settings import Resources

ANNOUNCED = (
    features.STATUS_BATCH,
    features.LIST,
    features.RETRY_CREATE,
    features.WATCH,
    features.UPDATE,
    features.STATS,
)
NO_CHANNEL = "no commands can be run in containers here: the sidecar's configuration has no job channel (`channel`)"
MOST_WATCHERS = 20


class Rest:
    """The routes and what they need."""

    def __init__(
        self,
        table: PodTable,
        *,
        intake: Intake,
        remover: Remover,
        logs: LogStreams,
        updates: Updates,
        channels: JobChannels,
        health: Health,
        resources: Resources,
        node: str,
        longest_grace: int,
        commands: Commands | None = None,
    ) -> None:
        self._table = table
        self._intake = intake
        self._remover = remover
        self._logs = logs
        self._updates = updates
        self._channels = channels
        self._health = health
        self._resources = resources
        self._node = node
        self._longest_grace = longest_grace
        self._watchers = 0
        self._commands = commands
        self._announced = features.format_features(ANNOUNCED + ((features.EXEC,) if commands is not None else ()))

    def application(self, max_body_bytes: int) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=max_body_bytes, middlewares=[measured, serving.error_middleware])
        app.router.add_post("/create", self.create)
        app.router.add_post("/update", self.update)
        app.router.add_post("/delete", self.delete)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/status", self.status)
            app.router.add_route(method, "/getLogs", self.get_logs)
        app.router.add_get("/pods", self.list_pods)
        app.router.add_get("/watch", self.watch)
        app.router.add_get("/exec", self.exec)
        app.router.add_get("/stats", self.stats)
        return app

    async def create(self, request: web.Request) -> web.Response:
        """One pod, or the list of one that servers before 0.5 send."""
        body = (await request.read()).lstrip()
        message: RetrievedPodData
        if body.startswith(b"["):
            messages = await serving.read_json(request, list[RetrievedPodData])
            if len(messages) != 1:
                raise Rejected([f"a create takes one pod, not {len(messages)}"], 400)
            message = messages[0]
        else:
            message = await serving.read_json(request, RetrievedPodData)
        reply: CreateReply = await self._intake.create(message, serving.session_of(request), len(body))
        return serving.json_response(reply)

    async def update(self, request: web.Request) -> web.Response:
        """New content for a running pod: the message of a create."""
        message = await serving.read_json(request, RetrievedPodData)
        await self._updates.apply(message)
        return serving.json_response({"PodUID": required_uid(message.pod), "message": "updated"})

    async def stats(self, request: web.Request) -> web.Response:
        """What the running pods use."""
        return serving.json_response(usages(self._table, self._channels) if self._is_ours(request) else [])

    async def delete(self, request: web.Request) -> web.Response:
        """Always taken, also for a pod that nobody knows."""
        pod = await serving.read_json(request, JsonObject)
        uid = required_uid(pod)
        asked = pod["metadata"].get("deletionGracePeriodSeconds")  # the job's own is that which its pod was made with
        grace = min(asked, self._longest_grace) if isinstance(asked, int) else None
        try:
            await self._remover.delete(uid, serving.session_of(request), grace)
        except JournalError as error:
            raise NotNow(f"the journal can't be written: {error}", 10) from error
        if grace is not None:
            await self._channels.stop(uid, grace)
        return serving.json_response({"PodUID": uid, "message": "deletion is under way"})

    async def status(self, request: web.Request) -> web.Response:
        """The pods that were asked for, as far as they are known; nothing asked for is a ping."""
        pods = await serving.read_json(request, list[JsonObject])
        if not pods:
            reply = announcement(self._resources, self._health)
            return serving.json_response(reply, {features.FEATURES_HEADER: self._announced})
        return serving.json_response([s for s in (self._status_of(pod) for pod in pods) if s is not None])

    def _status_of(self, asked: JsonObject) -> PodStatus | None:
        pod = self._table.get(required_uid(asked))
        return None if pod is None else self._table.status(pod)

    async def list_pods(self, request: web.Request) -> web.Response:
        """Every pod held here, but for those being deleted. A sidecar serves one node: others get an empty list."""
        if not self._health.knows_all:
            # after a start without a journal only the schedd knows the pods; half a list would be taken for a whole one
            raise NotNow("the schedd has not been asked yet which pods it has", 5)
        held = self._table.pods.values() if self._is_ours(request) else ()
        statuses = (self._table.status(pod) for pod in held if not pod.deleting)
        return serving.json_response([status for status in statuses if status is not None])

    def _is_ours(self, request: web.Request) -> bool:
        return request.query.get("node", self._node) == self._node

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Statuses as they change, until the caller goes away."""
        if not self._is_ours(request):
            raise NotNow(f"this endpoint serves node {self._node}", http_status=404)
        if self._watchers >= MOST_WATCHERS:
            raise NotNow(f"{self._watchers} watch this node already", 30, 429)
        self._watchers += 1
        try:
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await response.prepare(request)
            async for piece in watch.lines(self._table, request.query.get("since", "")):
                await response.write(piece)
            return response
        finally:
            self._watchers -= 1

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket to a command in a container (feature `exec`)."""
        if self._commands is None:
            return serving.refusal(request, 501, NO_CHANNEL)
        return await self._commands.handle(request)

    async def get_logs(self, request: web.Request) -> web.StreamResponse:
        """A container's log. The reply's head is sent at once: callers give a silent one up after seconds."""
        asked = await serving.read_json(request, LogRequest)
        pod = self._logs.find(asked)
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        with self._logs.share() as share:
            found = self._logs.read(pod, asked, share)
            if asked.Opts.Previous:
                found = await self._logs.previous(pod, asked, share)
            await response.prepare(request)
            async for piece in found:
                await response.write(piece)
                del piece  # a follower waits long for the next one
        await response.write_eof()
        return response


@web.middleware
async def measured(request: web.Request, handler: serving.Handler) -> web.StreamResponse:
    """Count requests and take their time."""
    began = time.monotonic()
    path = request.match_info.route.resource.canonical if request.match_info.route.resource else "other"
    status = "error"
    try:
        response = await handler(request)
        status = str(response.status)
        return response
    except web.HTTPException as error:
        status = str(error.status)
        raise
    finally:
        metrics.CALLS.labels(path, status).inc()
        if path not in ("/getLogs", "/watch", "/exec"):
            metrics.CALL_SECONDS.labels(path).observe(time.monotonic() - began)
