"""A plugin that records every call and answers as told: the API server's counterpart in contract tests."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakePlugin:
    """`replies` maps a path to a function of the decoded body that gives (status, body, headers)."""

    calls: list[Call] = field(default_factory=list)
    replies: dict[str, Callable[[Any], tuple[int, Any, dict[str, str]]]] = field(default_factory=dict)
    log_chunks: list[bytes] = field(default_factory=lambda: [b"line\n"])
    log_gate: asyncio.Event | None = None
    log_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        # a strict router, as Flask's and FastAPI's are: a wrong method is 405
        app.router.add_post("/create", self._json)
        app.router.add_post("/delete", self._json)
        app.router.add_get("/status", self._json)
        app.router.add_get("/pods", self._json)
        app.router.add_post("/update", self._json)
        app.router.add_get("/stats", self._json)
        app.router.add_get("/getLogs", self._logs)
        app.router.add_get("/watch", self._logs)
        return app

    async def _record(self, request: web.Request) -> Any:
        text = await request.read()
        body = json.loads(text) if text else None
        self.calls.append(Call(request.method, request.path_qs, dict(request.headers), body))
        return body

    async def _json(self, request: web.Request) -> web.Response:
        body = await self._record(request)
        reply = self.replies.get(request.path)
        status, answer, headers = reply(body) if reply else (200, {"PodUID": "u", "PodJID": "j"}, {})
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(status=status, text=text, headers=headers)

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        await self._record(request)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for chunk in self.log_chunks:
                await response.write(chunk)
            if self.log_gate is not None:
                await self.log_gate.wait()
                await response.write(b"last\n")
        except (asyncio.CancelledError, ConnectionError):
            self.log_cancelled.set()
            raise
        return response
