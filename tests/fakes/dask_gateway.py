"""dask-gateway's API with our views, for one cluster whose scheduler runs elsewhere: a real one, reached without a proxy.

For what a client does with the answers; what the real gateway answers is tested with the real one (tests/dask).
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from service_runtime.listen import Listen, serve_app

NAME = "0123456789abcdef"


@dataclass
class FakeGateway:
    """Serves at `url`. What was asked for is in `options`, `scaled`, `adapted`, `ended`; heartbeats of the scheduler in `beats`."""

    url: str = ""
    hub_token: str = "token-of-the-session"
    cluster_token: str = "token-of-the-cluster"
    certificate: str = ""
    key: str = ""
    status: str = "RUNNING"
    about: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    capacity: dict[str, Any] | None = None
    """None: it can't be told now."""
    options: list[dict[str, Any]] = field(default_factory=list)
    scaled: list[int] = field(default_factory=list)
    adapted: list[dict[str, Any]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)
    listed: list[str] = field(default_factory=lambda: [NAME])
    lists: int = 0
    """How often it was asked for the list of clusters."""
    version: str = "2026.3.0"
    relay: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._authenticated])
        base = "/api/v1/clusters"
        app.router.add_get("/api/version", self._version)
        app.router.add_get("/api/v1/options", self._options)
        app.router.add_get("/api/v1/relay", self._relay)
        app.router.add_get(f"{base}/", self._list)
        app.router.add_post(f"{base}/", self._create)
        app.router.add_get(f"{base}/{NAME}", self._report)
        app.router.add_delete(f"{base}/{NAME}", self._end)
        app.router.add_post(f"{base}/{NAME}/scale", self._scale)
        app.router.add_post(f"{base}/{NAME}/adapt", self._adapt)
        app.router.add_post(f"{base}/{NAME}/heartbeat", self._heartbeat)
        app.router.add_get(f"{base}/{NAME}/workers", self._workers)
        app.router.add_get(f"{base}/{NAME}/capacity", self._capacity)
        app.router.add_get(f"{base}/{NAME}/workers/{{worker}}/logs", self._log)
        app.router.add_get(f"{base}/{NAME}/scheduler/logs", self._log)
        return app

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "")
        if request.path == "/api/version" or shown in (f"jupyterhub {self.hub_token}", f"token {self.cluster_token}"):
            answer: web.StreamResponse = await handler(request)
            return answer
        return web.json_response({"error": "who are you?"}, status=401)

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _relay(self, _: web.Request) -> web.Response:
        return web.json_response({"members": self.relay, "authorities": None})

    async def _options(self, _: web.Request) -> web.Response:
        return web.json_response({"cluster_options": []})

    async def _create(self, request: web.Request) -> web.Response:
        self.options.append((await request.json())["cluster_options"])
        return web.json_response({"name": NAME}, status=201)

    async def _list(self, _: web.Request) -> web.Response:
        self.lists += 1
        return web.json_response({name: {"name": name, "status": self.status} for name in self.listed})

    async def _report(self, _: web.Request) -> web.Response:
        running = self.status == "RUNNING"
        found: dict[str, Any] = {
            "name": NAME,
            "status": self.status,
            "dashboard_route": f"/clusters/{NAME}/status" if running else None,
            "start_time": 1_000_000,
            "stop_time": None if running else 2_000_000,
            "options": {},
            "tls_cert": self.certificate if running else None,
            "tls_key": self.key if running else None,
        }
        return web.json_response(found)

    async def _end(self, _: web.Request) -> web.Response:
        self.ended.append(NAME)
        return web.Response(status=204)

    async def _scale(self, request: web.Request) -> web.Response:
        self.scaled.append((await request.json())["count"])
        return web.json_response({"ok": True})

    async def _adapt(self, request: web.Request) -> web.Response:
        self.adapted.append(await request.json())
        return web.json_response({"ok": True})

    async def _heartbeat(self, request: web.Request) -> web.Response:
        self.beats.append(await request.json())
        return web.Response(status=204)

    async def _workers(self, _: web.Request) -> web.Response:
        about = {"name": NAME, "status": self.status, "message": "", "limited": "", **self.about}
        return web.json_response({"cluster": about, "workers": self.rows, "left_off": 0})

    async def _capacity(self, _: web.Request) -> web.Response:
        if self.capacity is None:
            return web.json_response({"error": "not now"}, status=503)
        return web.json_response(self.capacity)

    async def _log(self, request: web.Request) -> web.Response:
        text = self.logs.get(request.match_info.get("worker", "scheduler"))
        if text is None:
            return web.json_response({"error": "There is no log."}, status=404)
        last = text.splitlines(keepends=True)[-int(request.query["lines"]) :]
        return web.json_response({"log": "".join(last), "source": "pod"})


@contextlib.asynccontextmanager
async def running(gateway: FakeGateway) -> AsyncIterator[FakeGateway]:
    """Serve `gateway` on this machine and set its `url`."""
    async with serve_app(gateway.app(), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        gateway.url = f"http://127.0.0.1:{bound[1]}"
        yield gateway
