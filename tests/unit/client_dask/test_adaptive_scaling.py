"""Adaptive scaling in a real scheduler: it looks, asks the gateway for room, and the gateway hears what it wants."""

import asyncio
import time
from collections.abc import Callable, Iterator

import dask.config
import pytest
from distributed import Client
from highrate.dask import OffloadCluster
from highrate.dask.adaptive import Memory
from highrate.dask.scheduler_preload import policy

from tests.unit.client_dask.conftest import Platform

SECONDS = 15.0


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    with dask.config.set({"highrate.adaptive.target-duration": "1s", "highrate.adaptive.chunk": 4}):
        yield


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.02)


def client_of(platform: Platform) -> Client:
    return Client(platform.scheduler.address, security=platform.security, asynchronous=True, set_as_default=False)


async def test_work_without_workers_is_asked_for_in_steps_up_to_what_the_site_holds(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="distributed.scheduler")
    platform.gateway.capacity = {"maximum": 6}
    async with client_of(platform) as client:
        futures = client.map(time.sleep, [1.0 + number / 1000 for number in range(50)])
        await platform.service.adapt(minimum=0, maximum=20)
        await until(lambda: bool(platform.gateway.beats) and platform.gateway.beats[-1]["count"] == 6)
        # what the gateway heard may skip a step: a beat tells how many are wanted when it is sent
        steps = [
            message.partition(" workers")[0] for message in caplog.messages if message.startswith("Adaptive scaling")
        ]
        assert steps == ["Adaptive scaling: from 0 to 4", "Adaptive scaling: from 4 to 6"]
        for future in futures:
            future.release()
        await until(lambda: platform.gateway.beats[-1]["count"] == 0)
    await platform.service.adapt(active=False)


async def test_a_worker_that_is_not_needed_any_more_is_retired_by_the_scheduler(platform: Platform) -> None:
    async with platform.worker("w1") as worker:
        await platform.service.adapt(minimum=0, maximum=5)
        await until(lambda: worker.status.name == "closed")
        assert platform.service.count == 0
    await platform.service.adapt(active=False)


async def test_while_the_gateway_does_not_answer_the_last_room_stands(platform: Platform) -> None:
    assert await platform.service.room() is None
    platform.gateway.capacity = {"maximum": 3}
    assert await platform.service.room() == 3
    platform.gateway.capacity = None
    assert await platform.service.room() == 3
    platform.gateway.capacity = {"maximum": None}
    assert await platform.service.room() is None


async def test_no_more_is_asked_of_a_site_that_can_not_be_reached(platform: Platform) -> None:
    platform.gateway.capacity = {"maximum": 30, "unreachable": "EndpointUnreachable: no answer"}
    platform.service.count = 7
    assert await platform.service.room() == 7
    platform.gateway.capacity = {"maximum": 30, "unreachable": None}
    assert await platform.service.room() == 30


async def test_a_look_that_fails_is_not_the_last(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    async def look(memory: Memory) -> Memory:
        looks.append(memory)
        if len(looks) == 1:
            raise RuntimeError("an unforeseen answer")
        return memory

    monkeypatch.setattr(platform.service, "look", look)
    await platform.service.adapt()
    await until(lambda: len(looks) > 1)
    await platform.service.adapt(active=False)


async def test_scaling_by_hand_ends_adaptive_scaling(platform: Platform) -> None:
    await platform.service.adapt(minimum=2)
    await until(lambda: platform.service.count == 2)
    await platform.service.scale(1)
    await asyncio.sleep(0.2)  # four looks
    assert platform.service.count == 1
    assert platform.service.adapt_task is None


async def test_limits_that_can_not_be_do_not_reach_the_loop(platform: Platform) -> None:
    with pytest.raises(ValueError, match="the maximum, 1, is less"):
        await platform.service.adapt(minimum=2, maximum=1)
    assert platform.service.adapt_task is None


async def test_a_scheduler_tells_its_clients_of_the_service(platform: Platform) -> None:
    async with OffloadCluster(asynchronous=True) as cluster:
        assert cluster.scheduler_info["services"]["gateway"] == platform.service.port


def test_the_patience_is_a_matter_of_dasks_configuration() -> None:
    with dask.config.set({"highrate.adaptive.wait-pending": 5, "highrate.adaptive.wait-connected": 9}):
        found = policy(None, None)
    assert (found.minimum, found.maximum, found.chunk) == (0, None, 4)
    assert (found.wait_pending, found.wait_connected) == (5, 9)
