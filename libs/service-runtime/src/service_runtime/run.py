"""How a service starts and ends: logs first, signals into an event, one log line and exit code 1 for the unexpected."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from service_runtime.logs import configure_logs, get_logger

GRACE_SECONDS = 30.0

log = get_logger(__name__)

Serve = Callable[[asyncio.Event], Awaitable[None]]


def run_service(name: str, serve: Serve, log_level: str = "info", grace_seconds: float = GRACE_SECONDS) -> None:
    """Run `serve(stop)` until it returns; SIGTERM and SIGINT set `stop`, after which it has `grace_seconds` to drain.

    A second signal, or the end of the grace period, cancels it. Exits with 0 after a clean end, 1 after an error.
    """
    configure_logs(name, log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            clean = runner.run(_run(serve, grace_seconds))
    except Exception:  # the outermost boundary: whatever it is, say it once, in our format
        log.exception("service.failed")
        clean = False
    if not clean:
        sys.exit(1)


async def _run(serve: Serve, grace_seconds: float) -> bool:
    stop = asyncio.Event()
    task = asyncio.ensure_future(serve(stop))
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            log.warning("service.second_signal", signal=number)
            task.cancel()
            return
        log.info("service.stopping", signal=number)
        stop.set()
        loop.call_later(grace_seconds, task.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    log.info("service.started", pid=os.getpid())
    try:
        await task
    except asyncio.CancelledError:
        log.error("service.cancelled", after_seconds=grace_seconds)
        return False
    log.info("service.stopped")
    return True
