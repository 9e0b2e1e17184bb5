"""A user who makes one cluster after the other is stopped; clusters that ended count, and others aren't held up."""

from collections.abc import Awaitable, Callable

import pytest
from dask_gateway_server.backends.base import PublicException
from offload_backend.app.pace import Pace
from offload_backend.core.budget import too_often
from offload_backend.model.limits import Rate

from tests.unit.offload_backend.conftest import Gateway

Start = Callable[..., Awaitable[Gateway]]


class Clock:
    now = 0.0


def test_clusters_come_at_once_and_then_by_the_hour() -> None:
    clock = Clock()
    pace = Pace(Rate(clusters_per_hour=30, clusters_at_once=3), lambda: clock.now)
    for _ in range(3):
        pace.count("anna")
    with pytest.raises(PublicException, match="the next one in 2m"):
        pace.count("anna")
    pace.count("mario")
    clock.now = 119.0
    with pytest.raises(PublicException, match="the next one in 1s"):
        pace.count("anna")
    clock.now = 120.0
    pace.count("anna")
    pace.give_back("anna")
    pace.count("anna")


def test_the_sentence_says_when() -> None:
    said = "You may make 30 clusters an hour, and have made more: the next one in 1m31s. Use those that you have."
    assert too_often(30.0, 90.2) == said


async def test_who_makes_and_ends_clusters_all_the_time_is_told_to_wait(start: Start) -> None:
    gateway = await start(rate={"clusters_at_once": 2})
    assert (await gateway.ask("POST", "clusters/", cluster_options={"worker_cores": 1000}))[0] == 422, (
        "counts for nothing"
    )
    for _ in range(2):
        status, made = await gateway.ask("POST", "clusters/", cluster_options={})
        assert status == 201
        await gateway.ask("DELETE", f"clusters/{made['name']}")
    status, told = await gateway.ask("POST", "clusters/", cluster_options={})
    assert (status, "You may make 30 clusters an hour" in told["error"]) == (422, True)
    assert (await gateway.ask("POST", "clusters/", "mario", cluster_options={}))[0] == 201
