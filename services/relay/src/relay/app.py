"""Puts the relay together, as an application for whoever serves it and as a service of its own."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from aiohttp import web
from service_runtime.listen import Listen, serve_app
from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability
from service_runtime.settings import Problem, SettingsError

from relay.io.admission import Admission
from relay.io.answer import answered
from relay.io.exchange import Exchange
from relay.io.handler import Handler
from relay.io.key_file import KeyFile
from relay.model.settings import Settings

log = get_logger(__name__)

DRAIN_SECONDS = 25.0  # within service_runtime.run.GRACE_SECONDS
LAST_SECONDS = 1.0  # for what streams leave behind when they are cut


class Relay:
    """One member: its application, and what ends it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = KeyFile(settings.keys_file)
        self.exchange = Exchange(settings)
        self.app = self._application()

    def unready(self) -> str | None:
        """Why nobody should be sent here."""
        return "draining" if self.exchange.draining else self.keys.problem

    def _application(self) -> web.Application:
        handler = Handler(self.settings, Admission(self.settings, self.keys), self.exchange)
        app = web.Application(middlewares=[answered(self.settings.limits.connections)])
        app.cleanup_ctx.append(self._sweeping)
        # an ingress may take the path of `url` away or leave it
        for prefix in {"", urlsplit(self.settings.url).path}:
            app.router.add_get(f"{prefix}/v1/listen/{{id}}", handler.listen, allow_head=False)
            app.router.add_get(f"{prefix}/v1/dial/{{id}}", handler.dial, allow_head=False)
            app.router.add_get(f"{prefix}/v1/accept/{{token}}", handler.accept, allow_head=False)
        return app

    async def _sweeping(self, _app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self.exchange.sweep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the relay until `stop` is set. Raises SettingsError if files that the settings name are not there."""
    _check_files(settings)
    _allow_connections(settings.limits.connections)
    relay = Relay(settings)
    listen = Listen.parse(f"{'https' if settings.tls else 'http'}://{settings.listen}")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(serve_observability(settings.metrics, relay.unready))
        await stack.enter_async_context(serve_app(relay.app, listen, settings.tls, LAST_SECONDS))
        log.info("relay.listening", listen=str(listen), url=settings.url)
        await stop.wait()
        # while the port is still open: aiohttp passes on nothing any more once it closes
        await relay.exchange.drain(DRAIN_SECONDS)


def _allow_connections(count: int) -> None:
    """Raise the soft limit of open files: 1,024, as it often is, ends at a few hundred streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256 if hard == resource.RLIM_INFINITY else min(hard, count + 256)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < count:
        log.warning("relay.few_files", limit=soft, connections=count, advice="raise the hard limit of open files")


def _check_files(settings: Settings) -> None:
    """At start, not when the settings are read: charts are checked on machines that have none of the files."""
    named = {"keys_file": settings.keys_file}
    if settings.tls is not None:
        named |= {"tls.cert": settings.tls.cert, "tls.key": settings.tls.key}
    problems = [Problem(key, f"there is no file {file}") for key, file in named.items() if not file.is_file()]
    if problems:
        raise SettingsError("the configuration", problems)
