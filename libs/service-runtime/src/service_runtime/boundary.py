"""The outermost boundary of a loop: what nobody expected is logged, counted, and the loop goes on.

A service that holds other people's pods must not end because one of them, or one answer, is odd.
"""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from service_runtime.logs import get_logger

PAUSE_SECONDS = 5.0

log = get_logger(__name__)


async def keep_running(
    name: str, loop: Callable[[], Awaitable[None]], failures: Counter, pause: float = PAUSE_SECONDS
) -> None:
    """Run `loop` until cancelled; start it again, after a pause, whenever it fails. `failures` has the label `loop`."""
    while True:
        try:
            await loop()
        except Exception:
            failures.labels(name).inc()
            log.exception("loop.failed", loop=name)
            await asyncio.sleep(pause)
