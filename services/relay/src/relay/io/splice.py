"""Two ends become one stream.

What arrives at one end is written to the other at once. The source has to wait where its reader is slower (so what is held
is bounded, and the slowness reaches the writer), where its user has used up what may pass in a second, and after each
portion until all other streams had their turn: one that never pauses would else be read again and again while others wait.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal

from relay import metrics
from relay.io.end import End

TURN_BYTES = 512 * 1024

Spend = Callable[[int], float]
"""Counts bytes and says how many seconds to wait then."""


class _Flow:
    """One direction."""

    def __init__(self, source: End, sink: End, to: str, spend: Spend) -> None:
        self._source, self._sink = source, sink
        self._passed = metrics.passed_bytes.labels(to)
        self._spend = spend
        self._turn = 0
        self._wait = 0.0
        self._held = asyncio.Event()

    def take(self, data: bytes) -> None:
        self._sink.write(data)
        self._passed.inc(len(data))
        self._turn += len(data)
        self._wait = self._spend(len(data))
        if self._sink.full or self._wait > 0 or self._turn >= TURN_BYTES:
            self._source.pause()
            self._held.set()

    async def run(self) -> None:
        self._source.forward(self.take)
        while True:
            await self._held.wait()
            self._held.clear()
            if self._sink.full:
                metrics.held.labels("reader").inc()
                await self._sink.drain()
            if self._wait > 0:
                metrics.held.labels("pace").inc()
            await asyncio.sleep(self._wait)
            self._turn, self._wait = 0, 0.0
            self._source.resume()


async def splice(dialler: End, listener: End, spend: Spend) -> None:
    """Pass bytes in both directions until one end closes; what is under way then still reaches the other.

    Both ends have been answered.
    """
    flows = [_Flow(dialler, listener, "listener", spend), _Flow(listener, dialler, "dialler", spend)]
    tasks: list[asyncio.Future[None] | asyncio.Future[Literal[True]]] = [
        asyncio.ensure_future(flow.run()) for flow in flows
    ]
    tasks += [asyncio.ensure_future(end.closed.wait()) for end in (dialler, listener)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in (dialler, listener):
            end.finish()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
