"""Closes connections whose client never asks for anything.

aiohttp waits for the first request of a connection for ever, so that anybody who can reach a port could use up its file
descriptors without a token and without a trace in the log. Later requests are covered by its keep-alive time.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from service_runtime.logs import get_logger

log = get_logger(__name__)

SILENCE_SECONDS = 30.0
LOOKS = 6  # in the time that a connection is given


class SilentConnections:
    """Watches the connections of one application; has to be made before the application is set up."""

    def __init__(self, app: web.Application, seconds: float = SILENCE_SECONDS) -> None:
        self._seconds = seconds
        self._since: dict[web.RequestHandler, float] = {}
        self._heard: set[web.RequestHandler] = set()
        app.middlewares.insert(0, self._hear())

    def _hear(self) -> Middleware:
        @web.middleware
        async def hear(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._heard.add(request.protocol)
            return await handler(request)

        return hear

    @contextlib.asynccontextmanager
    async def watched(self, server: web.Server) -> AsyncIterator[None]:
        """Look at the connections of `server` inside the context."""
        task = asyncio.create_task(self._watch(server))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self, server: web.Server) -> None:
        while True:
            await asyncio.sleep(self._seconds / LOOKS)
            closed = self._look(server.connections, time.monotonic())
            if closed:
                log.info("listen.silent_connections_closed", connections=closed)

    def _look(self, connections: list[web.RequestHandler], now: float) -> int:
        alive = set(connections)
        self._heard &= alive
        self._since = {c: self._since.get(c, now) for c in alive - self._heard}
        silent = [c for c, since in self._since.items() if now - since >= self._seconds]
        for connection in silent:
            connection.force_close()
        return len(silent)
