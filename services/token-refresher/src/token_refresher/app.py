"""Puts the refresher together."""

import asyncio
import contextlib

from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability

from token_refresher.io.refresher import Refresher
from token_refresher.model.settings import Settings

log = get_logger(__name__)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Keep all tokens fresh until `stop` is set."""
    refreshers = [Refresher(token) for token in settings.tokens]

    def unready() -> str | None:
        return "; ".join(reason for refresher in refreshers if (reason := refresher.unready())) or None

    async with contextlib.AsyncExitStack() as stack:
        if settings.metrics is not None:
            await stack.enter_async_context(serve_observability(settings.metrics, unready))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(refresher.run()) for refresher in refreshers]
            await stop.wait()
            for task in running:
                task.cancel()
