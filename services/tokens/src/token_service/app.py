"""Puts the service together, as an application for whoever serves it and as a service of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from service_runtime.files import read_token
from service_runtime.listen import Listen, serve_app
from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability
from service_runtime.settings import Problem, SettingsError

from token_service.io.answer import answered
from token_service.io.handler import Handler
from token_service.io.hub import Hub
from token_service.io.mint import Mint
from token_service.io.provider import Provider
from token_service.model.settings import Settings

log = get_logger(__name__)

DRAIN_SECONDS = 25.0  # within service_runtime.run.GRACE_SECONDS


def create_app(settings: Settings) -> web.Application:
    """The service as an application."""
    hub = Hub(settings.hub, settings.deadlines.hub, settings.limits.calls)
    provider = Provider(settings.issuer, settings.deadlines.provider)
    mint = Mint(settings.profiles, provider.refresh, settings.limits)

    async def running(_app: web.Application) -> AsyncIterator[None]:
        async with hub.client, mint:
            yield

    handler = Handler(settings, hub, mint)
    app = web.Application(middlewares=[answered(settings.limits.calls)])
    app.cleanup_ctx.append(running)
    app.router.add_get("/v1/token", handler.token, allow_head=False)
    app.router.add_get("/v1/profiles", handler.profiles, allow_head=False)
    return app


def unready(settings: Settings) -> str | None:
    """Why no token could be made; None if nothing of our own is missing.

    Whether hub and provider answer doesn't count: all replicas would go out of the Service at once, and callers get no
    answer where now they are told what is wrong and when to come back.
    """
    for file in (settings.hub.token_file, settings.issuer.client_secret_file):
        try:
            if not read_token(file):
                return f"{file} is empty"
        except OSError as error:
            return f"{file} can't be read: {error.strerror}"
    return None


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the service until `stop` is set. Raises SettingsError if files that the settings name are not there."""
    _check_files(settings)
    listen = Listen.parse(f"https://{settings.listen}")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(serve_observability(settings.metrics, lambda: unready(settings)))
        await stack.enter_async_context(serve_app(create_app(settings), listen, settings.tls, DRAIN_SECONDS))
        log.info("tokens.listening", listen=settings.listen, profiles=sorted(settings.profiles))
        await stop.wait()


def _check_files(settings: Settings) -> None:
    """At start, not when the settings are read: charts are checked on machines that have none of the files."""
    named = {
        "tls.cert": settings.tls.cert,
        "tls.key": settings.tls.key,
        "hub.token_file": settings.hub.token_file,
        "issuer.client_secret_file": settings.issuer.client_secret_file,
    }
    problems = [Problem(key, f"there is no file {file}") for key, file in named.items() if not file.is_file()]
    if problems:
        raise SettingsError("the configuration", problems)
