"""Where jobs dial in: a WebSocket at any path, for those with the ticket of a pod that is held here."""

from collections import Counter

from aiohttp import web
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.channel.channels import Channels
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.state import Stage
from condor_sidecar.core.ticket import holder
from condor_sidecar.job.supervisor.channel_protocol import REFUSAL, SUBPROTOCOL
from condor_sidecar.settings import Channel

RETRY_SECONDS = "10"
CLOSE_SECONDS = 2.0
MOST_OF_A_POD = 2  # its connection, and the one that is to replace it

log = get_logger(__name__)


class ChannelServer:
    """The application."""

    def __init__(self, table: PodTable, channels: Channels, secret: bytes, settings: Channel) -> None:
        self._table, self._channels, self._secret, self._settings = table, channels, secret, settings
        self._under_way: Counter[str] = Counter()

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self.handle)
        app.on_shutdown.append(self._shut_down)
        return app

    async def _shut_down(self, _app: web.Application) -> None:
        self._channels.close_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its beginning to its end."""
        pod = self._admit(request)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            timeout=CLOSE_SECONDS,
            compress=False,  # a window for each connection would be most of its memory
            max_msg_size=self._settings.message_bytes,
        )
        if not socket.can_prepare(request) or SUBPROTOCOL not in request.headers.get("Sec-WebSocket-Protocol", ""):
            raise _refusal(400, "not_a_channel", f"this is no WebSocket with subprotocol {SUBPROTOCOL}")
        self._under_way[pod.uid] += 1
        try:
            await socket.prepare(request)
            connection = Connection(pod, socket, request.transport, self._channels.take_state)
            await self._channels.serve(connection)
        finally:
            self._under_way -= Counter((pod.uid,))  # drops who has none left
        return socket

    def _admit(self, request: web.Request) -> Pod:
        """The pod whose ticket was shown; else raises what is answered."""
        scheme, _, ticket = request.headers.get("Authorization", "").partition(" ")
        uid = holder(self._secret, ticket.strip()) if scheme.lower() == "bearer" else None
        if uid is None:
            raise _refusal(401, "no_ticket", "the job channel needs the ticket of a pod")
        pod = self._table.get(uid)
        if pod is None:
            raise _refusal(404, "unknown_pod", "the pod is not known here: it was deleted, or not read back yet")
        if pod.stage is Stage.ENDED:
            raise _refusal(403, "ended_pod", "the pod has ended")
        if self._under_way[uid] >= MOST_OF_A_POD:
            raise _refusal(503, "too_many", f"{MOST_OF_A_POD} connections of this pod are under way already")
        if self._under_way.total() >= self._settings.connections:
            raise _refusal(503, "full", f"{self._settings.connections} jobs are connected already")
        return pod


def _refusal(status: int, reason: str, words: str) -> web.HTTPException:
    metrics.CHANNEL_REFUSALS.labels(reason).inc()
    headers = {REFUSAL: words, **({"Retry-After": RETRY_SECONDS} if status == 503 else {})}
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
        503: web.HTTPServiceUnavailable,
    }
    return kinds[status](text=words + "\n", headers=headers)
