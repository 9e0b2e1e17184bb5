"""Wiring of the API server."""

import asyncio
import contextlib

from service_runtime.listen import serve_app, warn_of_strangers
from service_runtime.logs import follow_go_keys, get_logger
from service_runtime.metrics import serve_observability
from service_runtime.settings import warn_without_effect

from interlink.server.handlers import ApiServer
from interlink.server.plugin import Plugin
from interlink.server.settings import WITHOUT_EFFECT, ServerSettings

log = get_logger(__name__)


async def serve(settings: ServerSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what runs."""
    follow_go_keys(settings.VerboseLogging, settings.ErrorsOnlyLogging)
    warn_without_effect(settings, WITHOUT_EFFECT)
    warn_of_strangers(settings.listen, settings.tls_files)
    async with contextlib.AsyncExitStack() as stack:
        plugin = Plugin(settings.plugin_url(), settings.CreateFormat, settings.StatusBatch, settings.reply_limit)
        await stack.enter_async_context(plugin)
        api = ApiServer(settings, plugin)
        if settings.MetricsAddress:
            await stack.enter_async_context(serve_observability(settings.MetricsAddress, _always_ready))
        await stack.enter_async_context(serve_app(api.application(), settings.listen, settings.tls_files))
        log.info("server.listening", address=str(settings.listen), plugin=settings.plugin_url())
        await stop.wait()


def _always_ready() -> str | None:
    # a server that listens is ready: readiness by the plugin would take it out of its Service, and nobody could ask any more
    return None
