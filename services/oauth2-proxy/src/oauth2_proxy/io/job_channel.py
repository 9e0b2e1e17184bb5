"""Lets the site's jobs through to the sidecar's job channel: WebSockets on one path, with a ticket instead of a token.

Whether a ticket is good is for the sidecar to say, which is asked before the connection is accepted. Nothing else passes here:
no other method, no other header, no message longer than a bound.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from aiohttp import WSCloseCode, web
from service_runtime.listen import Listen
from service_runtime.logs import get_logger
from service_runtime.websockets import both_ways

from oauth2_proxy import metrics
from oauth2_proxy.model.settings import JobChannel

SUBPROTOCOL: Final = "job-channel.v1"
REFUSAL: Final = "Job-Channel-Refusal"  # the sidecar's words: the client here drops the body of a refusal
LONGEST_WORDS: Final = 300
LONGEST_TICKET: Final = 512
CLOSE_SECONDS: Final = 2.0

log = get_logger(__name__)


class JobChannels:
    """Carries the connections of jobs; use it as an async context manager."""

    def __init__(self, settings: JobChannel) -> None:
        self._settings = settings
        self._listen = Listen.parse(settings.upstream)
        self._session: aiohttp.ClientSession | None = None
        self._count = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry connections inside the context."""
        connector: aiohttp.BaseConnector
        if self._listen.path is not None:
            connector = aiohttp.UnixConnector(str(self._listen.path), limit=0)
        else:
            connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as self._session:
            yield

    def serves(self, request: web.Request) -> bool:
        """Whether this is the jobs' path."""
        return request.path == self._settings.path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One job's connection, from its beginning to its end."""
        tickets = request.headers.getall("Authorization", ())
        if len(tickets) != 1 or not tickets[0].startswith("Bearer ") or len(tickets[0]) > LONGEST_TICKET:
            return _refused(401, "no_ticket", "the job channel needs the ticket of a pod")
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            compress=False,
            max_msg_size=self._settings.message,
            timeout=CLOSE_SECONDS,
            autoping=False,  # a ping asks the far end whether it is there, not this proxy
        )
        if not socket.can_prepare(request):
            return _refused(400, "no_websocket", "only WebSockets pass here")
        if self._count >= self._settings.connections:
            return _refused(503, "full", f"{self._settings.connections} jobs are connected through this proxy already")
        self._count += 1
        metrics.channels.inc()
        try:
            return await self._carry(request, socket, tickets[0])
        finally:
            self._count -= 1
            metrics.channels.dec()

    async def _carry(self, request: web.Request, socket: web.WebSocketResponse, ticket: str) -> web.StreamResponse:
        assert self._session is not None, "used outside of its context"
        try:
            async with asyncio.timeout(self._settings.handshake):
                upstream = await self._session.ws_connect(
                    f"http://sidecar{self._settings.path}"
                    if self._listen.path
                    else f"{self._listen}{self._settings.path}",
                    headers={"Authorization": ticket},
                    protocols=(SUBPROTOCOL,),
                    max_msg_size=self._settings.message,
                    compress=0,
                    autoping=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as error:
            words = error.headers.get(REFUSAL, "") if error.headers is not None else ""
            return _refused(
                error.status if error.status >= 400 else 502,
                "refused",
                words.encode("ascii", "replace").decode()[:LONGEST_WORDS],
            )
        except (aiohttp.ClientError, OSError) as error:
            log.warning("channel.unreachable", error=f"{type(error).__name__}: {error}")
            return _refused(503, "unreachable", "the sidecar can't be reached")
        async with upstream:
            await socket.prepare(request)
            metrics.channel_calls.labels("accepted").inc()
            await self._both_ways(socket, upstream)
        return socket

    async def _both_ways(self, job: web.WebSocketResponse, sidecar: aiohttp.ClientWebSocketResponse) -> None:
        """Until either side has ended, or neither says or takes anything for too long: a sidecar may be silent for hours."""
        clock, silence = asyncio.get_running_loop().time, self._settings.silence
        try:
            async with asyncio.timeout(silence) as deadline:
                end = await both_ways(job, sidecar, lambda: deadline.reschedule(clock() + silence))
        except TimeoutError:
            log.info("channel.silent", seconds=silence)
            end = (WSCloseCode.GOING_AWAY, b"nothing was said for too long")
        for socket in (job, sidecar):
            await socket.close(code=end[0], message=end[1])


def _refused(status: int, result: str, words: str) -> web.Response:
    metrics.channel_calls.labels(result).inc()
    headers = {"Retry-After": "10"} if status == 503 else {}
    return web.Response(status=status, headers=headers, text=f"{words}\n")
