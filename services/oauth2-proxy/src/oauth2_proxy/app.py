"""Puts the proxy together, as an application for whoever serves it and as a service of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web
from service_runtime.boundary import keep_running
from service_runtime.listen import Listen, serve_app
from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability

from oauth2_proxy.io.discovery import fetch_keys
from oauth2_proxy.io.forward import Upstream
from oauth2_proxy.io.gate import Gate
from oauth2_proxy.io.handler import Handler
from oauth2_proxy.io.job_channel import JobChannels
from oauth2_proxy.io.key_cache import KeyCache
from oauth2_proxy.metrics import loop_failures
from oauth2_proxy.model.settings import Settings

log = get_logger(__name__)

GATE = web.AppKey("gate", Gate)


def create_app(settings: Settings) -> web.Application:
    """The proxy as an application; while it runs it keeps the issuers' keys fresh. `app[GATE].unready()` says whether
    it could let anybody in."""
    caches = {
        issuer.issuer: KeyCache(issuer.issuer, settings.keys, partial(fetch_keys, issuer, settings.keys.deadline))
        for issuer in settings.issuers
    }
    gate = Gate(settings.issuers, caches, settings.limits.token)
    upstream = Upstream(settings.upstream, settings.deadlines)
    channels = JobChannels(settings.job_channel) if settings.job_channel is not None else None

    async def running(_app: web.Application) -> AsyncIterator[None]:
        async with upstream, channels.running() if channels is not None else contextlib.nullcontext():
            loops = {f"keys of {name}": cache.run for name, cache in caches.items()}
            tasks = [asyncio.create_task(keep_running(name, loop, loop_failures)) for name, loop in loops.items()]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = web.Application()
    app[GATE] = gate
    app.cleanup_ctx.append(running)
    app.router.add_route("*", "/{path:.*}", Handler(settings, gate, upstream, channels).handle)
    return app


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the proxy until `stop` is set."""
    app = create_app(settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(serve_app(app, Listen.parse(settings.listen), settings.tls))
        if settings.metrics is not None:
            await stack.enter_async_context(serve_observability(settings.metrics, app[GATE].unready))
        log.info("proxy.listening", listen=settings.listen, upstream=settings.upstream)
        await stop.wait()
