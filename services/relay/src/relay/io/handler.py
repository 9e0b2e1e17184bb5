"""The three calls: listen, dial, accept."""

from aiohttp import web
from service_runtime.logs import get_logger

from relay.core.bearer import listener_id
from relay.core.handshake import answer_headers
from relay.core.places import Key
from relay.io.admission import Admission
from relay.io.answer import CALLER, CLUSTER
from relay.io.control import Control
from relay.io.end import End, watch_silence
from relay.io.exchange import Exchange
from relay.io.splice import splice
from relay.model.refusal import Outcome, Refusal
from relay.model.settings import Settings
from relay.model.ticket import Purpose, Ticket

log = get_logger(__name__)


class Handler:
    """Handles the calls of one application."""

    def __init__(self, settings: Settings, admission: Admission, exchange: Exchange) -> None:
        self._deadlines = settings.deadlines
        self._admission = admission
        self._exchange = exchange

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/listen/ID`: a WebSocket that stays open; calls are told on it."""
        self._refuse_when_draining()
        ticket = self._admit(request, Purpose.LISTEN)
        key = Key(ticket.cluster, listener_id(request.match_info["id"]))
        answer_headers(request.headers)  # refuses what is no handshake
        self._exchange.reserve(key, ticket)
        control = Control(self._deadlines.ping)
        watch_silence(request, self._deadlines.silence)
        response = await control.open(request)
        async with self._exchange.listening(key, ticket, control) as leave:
            log.info("listener.connected", cluster=key.cluster, id=key.id, user=ticket.user)
            leave.for_good = await control.stay()
        return response

    async def dial(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/dial/ID`: answered once the listener has dialled back; from then on a stream."""
        self._refuse_when_draining()
        ticket = self._admit(request, Purpose.DIAL)
        key = Key(ticket.cluster, listener_id(request.match_info["id"]))
        async with self._exchange.streaming(ticket) as spend:
            dialler = self._end(request)
            call, listener = await self._exchange.call(key, ticket)
            try:
                response = await dialler.answer()
                await splice(dialler, listener, spend)
            finally:
                listener.finish()
                call.over.set()
            return response

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/accept/TOKEN`: the listener's end of a call."""
        ticket = self._admit(request, Purpose.LISTEN)
        end = self._end(request)
        call = self._exchange.answer(request.match_info["token"], ticket)
        response = await end.answer()
        if not call.accepted.done():
            call.accepted.set_result(end)
        await call.over.wait()
        end.finish()
        return response

    def _end(self, request: web.Request) -> End:
        return End(request, self._deadlines.linger, self._deadlines.silence)

    def _admit(self, request: web.Request, purpose: Purpose) -> Ticket:
        ticket = self._admission.admit(request, purpose)
        request[CALLER], request[CLUSTER] = ticket.user, ticket.cluster
        self._admission.count(ticket)
        return ticket

    def _refuse_when_draining(self) -> None:
        if self._exchange.draining:
            raise Refusal(Outcome.DRAINING, "This relay ends. Try again in a moment.", retry_after=2)
