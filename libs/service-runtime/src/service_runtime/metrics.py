"""Prometheus metrics and health on a port of their own, away from what a service's callers can reach.

Services define their metrics at module level in their `metrics.py`, named `<service>_<what>_<unit>`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service_runtime.listen import Listen, serve_app

Ready = Callable[[], str | None]


def observability_app(ready: Ready) -> web.Application:
    """`/metrics`; `/healthz` (the process answers); `/readyz` (503 with the reason of `ready()`, 200 if None)."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text="ok\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


@contextlib.asynccontextmanager
async def serve_observability(address: str, ready: Ready) -> AsyncIterator[tuple[str, int] | None]:
    """Serve metrics and health inside the context at `address` ("host:port")."""
    async with serve_app(observability_app(ready), Listen.parse(f"http://{address}"), drain_seconds=1) as bound:
        yield bound
