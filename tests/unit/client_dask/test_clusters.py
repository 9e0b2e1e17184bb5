"""A cluster of the platform, seen from a notebook: made without arguments, looked into, ended."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import pytest
from dask_gateway import GatewayCluster, GatewayClusterError
from distributed import Client, LocalCluster
from highrate.dask import OffloadCluster, new_cluster
from highrate.dask.gateway_views import GatewayUnreachable

from tests.fakes.dask_gateway import NAME
from tests.unit.client_dask.conftest import Platform

ROW = {
    "name": "w1", "site": "na", "asked": 0, "ended": None, "state": "waiting", "reason": "JobHeld",
    "message": "The job is held: no such image.", "exit_code": None, "node": "vk-na", "pod": "dask-worker-w1",
}  # fmt: skip


@pytest.mark.parametrize("kind", [OffloadCluster, GatewayCluster], ids=lambda kind: str(kind.__name__))
async def test_a_cluster_needs_no_argument_and_gets_the_sessions_own_image(platform: Platform, kind: Any) -> None:
    async with platform.worker("w1"), kind(asynchronous=True) as cluster:
        async with Client(cluster, security=cluster.security, asynchronous=True) as client:
            assert await client.submit(sum, [1, 2])
    assert platform.gateway.options == [{"image": "registry.example.org/analysis:1"}]
    assert platform.gateway.ended == [NAME]


async def test_the_first_workers_can_be_asked_for_at_once(platform: Platform) -> None:
    async with OffloadCluster(n_workers=2, site="na", asynchronous=True):
        assert platform.gateway.scaled == [2]
    async with OffloadCluster.from_name(NAME, asynchronous=True) as again:
        assert again.name == NAME
    assert platform.gateway.scaled == [2]
    assert platform.gateway.options == [{"image": "registry.example.org/analysis:1", "site": "na"}]


async def test_a_worker_that_waits_says_why(platform: Platform) -> None:
    platform.gateway.rows = [ROW]
    platform.gateway.about = {"limited": "You may have 10 workers."}
    async with OffloadCluster(asynchronous=True) as cluster:
        table = await cluster.workers()
    assert table["w1"].why == "JobHeld: The job is held: no such image."
    assert "You may have 10 workers." in repr(table)


async def test_a_workers_log_is_found_by_the_beginning_of_its_name(platform: Platform) -> None:
    platform.gateway.rows = [ROW]
    platform.gateway.logs = {"w1": "one\ntwo\nthree\n", "scheduler": "four\n"}
    async with OffloadCluster(asynchronous=True) as cluster:
        assert repr(await cluster.worker_logs("w", lines=2)) == "two\nthree\n"
        assert await cluster.scheduler_logs() == "four\n"
        with pytest.raises(KeyError, match="0 workers of"):
            await cluster.worker_logs("x")
        with pytest.raises(ValueError, match="1 to 1000"):
            await cluster.scheduler_logs(lines=0)


async def test_all_of_it_works_without_await_in_a_notebook(platform: Platform, session: Path) -> None:
    platform.gateway.rows = [ROW]
    platform.gateway.logs = {"w1": "end\n"}
    (session / "bt_u1000").write_text("token")

    def cells() -> list[Any]:
        with OffloadCluster() as cluster:
            client = cluster.get_client()
            cluster.scale(3)
            cluster.adapt(minimum=1, maximum=5)
            return [len(cluster.workers()), str(cluster.worker_logs("w1")), client.submit(sum, [1, 2]).result(20)]

    async with platform.worker("w1"):
        assert await asyncio.to_thread(cells) == [1, "end\n", 3]
    assert platform.gateway.scaled == [3]
    assert platform.gateway.adapted == [{"minimum": 1, "maximum": 5, "active": True}]


async def test_a_cluster_that_can_not_start_says_why(platform: Platform) -> None:
    platform.gateway.status = "FAILED"
    platform.gateway.about = {"message": "The scheduler can't start. There is no image x."}
    with pytest.raises(GatewayClusterError, match=r"could not start: The scheduler can't start\. There is no image x"):
        await OffloadCluster(asynchronous=True)


async def test_a_gateway_that_is_away_is_told_with_its_address(platform: Platform) -> None:
    async with OffloadCluster(asynchronous=True) as cluster:
        address, cluster.gateway.address = cluster.gateway.address, "http://127.0.0.1:9"
        with pytest.raises(GatewayUnreachable, match=r"http://127\.0\.0\.1:9 can't be reached"):
            await cluster.workers()
        cluster.gateway.address = address


async def test_limits_that_can_not_be_are_refused_at_once(platform: Platform) -> None:
    async with OffloadCluster(asynchronous=True) as cluster:
        with pytest.raises(ValueError, match="the maximum, 1, is less than the minimum, 2"):
            cluster.adapt(minimum=2, maximum=1)
    assert platform.gateway.adapted == []


async def test_the_dashboard_opens_through_the_session(platform: Platform) -> None:
    async with OffloadCluster(asynchronous=True) as cluster:
        host = platform.gateway.url.removeprefix("http://")
        assert cluster.dashboard_link == f"/user/ada/proxy/{host}/clusters/{NAME}/status"


async def test_the_side_panel_makes_scales_adapts_and_ends_a_cluster(platform: Platform) -> None:
    """The steps of dask_labextension.manager, which looks at these attributes."""
    cluster = await new_cluster(asynchronous=True)
    assert cluster.scheduler_info["workers"] == {}
    await cluster.scale(2)
    adapting = cluster.adapt(minimum=1, maximum=4)  # which is not awaited there
    assert (adapting.minimum, adapting.maximum) == (1, 4)
    await adapting
    await cluster.close()
    assert (platform.gateway.scaled, len(platform.gateway.adapted)) == ([2], 1)
    assert platform.gateway.ended == [NAME]


async def test_what_the_side_panel_writes_into_a_notebook_connects(platform: Platform) -> None:
    cluster = await new_cluster(asynchronous=True)
    assert cluster.scheduler_address == f"offload://{NAME}"
    async with platform.worker("w1"), Client(cluster.scheduler_address, asynchronous=True) as client:
        assert await client.submit(sum, [1, 2]) == 3
    await cluster.close()


async def test_a_cluster_that_is_gone_takes_no_clients(platform: Platform) -> None:
    platform.gateway.status = "STOPPED"
    with pytest.raises(OSError, match=f"{NAME} is stopped, and takes no clients"):
        await Client(f"offload://{NAME}", asynchronous=True, timeout="5s")


async def test_without_a_gateway_the_side_panel_makes_a_cluster_in_the_session() -> None:
    async with new_cluster(
        asynchronous=True, n_workers=0, processes=False, dashboard_address="127.0.0.1:0", protocol="inproc"
    ) as cluster:
        assert isinstance(cluster, LocalCluster)


async def test_equal_versions_are_not_worth_a_word(platform: Platform) -> None:
    async with platform.worker("w1"), OffloadCluster(asynchronous=True) as cluster:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await cluster.get_client(set_as_default=False)
