"""A loop goes on after what nobody expected, and ends only when it is told to."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter
from service_runtime.boundary import keep_running


async def test_a_loop_that_fails_is_counted_and_begun_again_until_it_is_cancelled() -> None:
    registry = CollectorRegistry()
    failures = Counter("loop_failures", "Failures.", ["loop"], registry=registry)
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def loop() -> None:
        begun.put_nowait(None)
        if failures.labels("mine")._value.get() < 2:
            raise KeyError("odd")
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_running("mine", loop, failures, pause=0.01))
    async with asyncio.timeout(10):
        for _ in range(3):
            await begun.get()
    assert registry.get_sample_value("loop_failures_total", {"loop": "mine"}) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
