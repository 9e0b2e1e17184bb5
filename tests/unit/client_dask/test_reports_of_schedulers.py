"""What a real scheduler reports to the gateway of workers that have closed: for some time, and not for ever."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from highrate.dask.scheduler_preload import KNOWN_SECONDS

from tests.unit.client_dask.conftest import Platform


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_worker_that_has_closed_is_reported_until_the_gateway_has_known_for_long(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, service = 0.0, platform.service
    monkeypatch.setattr(service, "clock", lambda: now)
    service.heartbeat_task.cancel()  # the test's own beats, and no others
    with contextlib.suppress(asyncio.CancelledError):
        await service.heartbeat_task

    async def closed() -> list[str]:
        await service.heartbeat()
        found: list[str] = platform.gateway.beats[-1]["closed_workers"]
        return found

    async with platform.worker("w1"):
        assert await closed() == []
    await until(lambda: service.closed_workers == {"w1"})
    for now in (0.0, KNOWN_SECONDS - 1, KNOWN_SECONDS):  # noqa: B007 - the clock reads it
        assert await closed() == ["w1"]
    assert await closed() == []


async def test_a_worker_that_closes_once_more_is_reported_as_long_as_any_other(platform: Platform) -> None:
    service = platform.service
    service.closed_workers |= {"told", "untold", "back"}
    service.drop_what_is_known({"told", "back"}, 0.0)
    service.drop_what_is_known({"told"}, KNOWN_SECONDS / 2)
    service.drop_what_is_known({"told", "untold", "back"}, KNOWN_SECONDS)
    assert service.closed_workers == {"untold", "back"}, "one of them was back in between"
    service.drop_what_is_known({"untold", "back"}, KNOWN_SECONDS * 2)
    assert service.closed_workers == set()
    assert service._told == {}
