"""Carries one call to the upstream and its reply back, both as streams.

A session of its own instead of service_runtime's client, because a proxy must not touch the message: no decompression,
no cookies kept between callers, no headers added, no end to a reply that goes on. Connections aren't reused: the
upstream is a socket away, and a call that meets a connection closed just then could not be told from a lost one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from service_runtime.listen import Listen
from service_runtime.websockets import LINGER_SECONDS, carry
from yarl import URL

from oauth2_proxy.core.headers import end_to_end
from oauth2_proxy.io.request_body import RequestBody
from oauth2_proxy.model.settings import Deadlines

_OF_REFUSALS = ("Retry-After", "InterLink-Refusal")  # what says why; the body of one isn't known here
_ADDED_BY_CLIENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamFault(Exception):
    """The upstream gave no reply. `status`: 503 the call never got there, 502 it broke off, 504 it took too long."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Upstream:
    """Where calls go; use it as an async context manager."""

    def __init__(self, address: str, deadlines: Deadlines) -> None:
        self._listen = Listen.parse(address)
        self._deadlines = deadlines
        self._session: aiohttp.ClientSession | None = None
        self._origin = "http://unix" if self._listen.path else str(self._listen)

    async def __aenter__(self) -> Self:
        connector: aiohttp.BaseConnector
        if self._listen.path is not None:
            connector = aiohttp.UnixConnector(str(self._listen.path), limit=0, force_close=True)
        else:
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_ADDED_BY_CLIENT,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._deadlines.connect),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def forward(
        self, request: web.Request, headers: CIMultiDict[str], longest: int, streams: Callable[[], None]
    ) -> web.StreamResponse:
        """Send `request` on with `headers` and stream the reply to its caller.

        `streams` is called before a reply that says no length is passed on, and may raise. Raises UpstreamFault when
        there is no reply, BodyFault when the caller's body is at fault; a reply that breaks off midway breaks off for
        the caller too.
        """
        async with self._reply(request, headers, longest) as reply:
            if reply.content_length is None and not reply.content.at_eof():
                streams()
            response = web.StreamResponse(status=reply.status, reason=reply.reason)
            for name, value in end_to_end(reply.headers):
                response.headers.add(name, value)
            await response.prepare(request)
            try:
                async for piece in reply.content.iter_any():
                    await response.write(piece)
            except aiohttp.ClientError:
                # a clean end would pass half a reply off as a whole one
                if request.transport is not None:
                    request.transport.abort()
                return response
            await response.write_eof()
            return response

    async def forward_websocket(
        self, request: web.Request, headers: CIMultiDict[str], streams: Callable[[], None]
    ) -> web.StreamResponse:
        """Open the WebSocket that `request` asks for at the upstream, too, and carry its messages until one end closes it.

        `streams` is called before, and may raise. Raises UpstreamFault; what else the upstream answers than a WebSocket is
        passed on as its status.
        """
        assert self._session is not None, "used outside of its context"
        streams()
        for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
            del headers[name]
        wanted = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if word.strip()]
        url = URL(self._origin + request.raw_path, encoded=True)
        try:
            async with asyncio.timeout(self._deadlines.first_byte):
                upstream = await self._session.ws_connect(url, headers=headers, protocols=wanted)
        except aiohttp.WSServerHandshakeError as error:
            told = error.headers if error.headers is not None else {}
            return web.Response(
                status=error.status, headers={name: told[name] for name in _OF_REFUSALS if name in told}
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _fault(error) from error
        async with upstream:
            chosen = (upstream.protocol,) if upstream.protocol else ()
            socket = web.WebSocketResponse(protocols=chosen, compress=False, timeout=LINGER_SECONDS)
            await socket.prepare(request)
            await carry(socket, upstream)
        return socket

    @contextlib.asynccontextmanager
    async def _reply(
        self, request: web.Request, headers: CIMultiDict[str], longest: int
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None, "used outside of its context"
        deadline = asyncio.timeout(self._deadlines.first_byte)
        body = RequestBody(request, longest, self._deadlines.body, progress=lambda: self._extend(deadline))
        body.check_length()
        try:
            async with deadline:
                reply = await self._session.request(
                    request.method,
                    URL(self._origin + request.raw_path, encoded=True),
                    headers=headers,
                    data=body.pieces() if request.body_exists else None,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, OSError) as error:
            raise body.fault or _fault(error) from error
        async with reply:
            yield reply

    def _extend(self, deadline: asyncio.Timeout) -> None:
        """The wait for the first byte begins when the body is through, which may be after the reply has begun."""
        with contextlib.suppress(RuntimeError):
            deadline.reschedule(asyncio.get_running_loop().time() + self._deadlines.first_byte)


def _fault(error: Exception) -> UpstreamFault:
    """What a failed call means: only where no connection was made it is sure to have had no effect."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return UpstreamFault(503, text)
    return UpstreamFault(504 if isinstance(error, TimeoutError) else 502, text)
