"""What the real gateway answers, as the client in a notebook and the scheduler's adaptive scaling read it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from dask_gateway import Gateway as Client
from dask_gateway.auth import JupyterHubAuth
from highrate.dask import gateway_views, worker_table
from highrate.dask.scheduler_preload import BatchQueueService
from highrate.doctor import services
from highrate.doctor.finding import State
from offload_backend.core import names

from tests.fakes.cluster_api import ClusterApi
from tests.unit.offload_backend.conftest import TOKENS, Gateway
from tests.unit.offload_backend.test_fates import HELD, waiting

Start = Callable[..., Awaitable[Gateway]]


def client(gateway: Gateway, user: str = "anna") -> Client:
    address = gateway.url.removesuffix("/api/v1")
    return Client(address, auth=JupyterHubAuth(TOKENS[user]), asynchronous=True)


async def test_the_table_of_workers_and_their_logs(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    await api.become(pod["metadata"]["name"], "Pending", containerStatuses=[{"state": waiting("JobHeld", HELD)}])
    api.log = b"one\ntwo\n"
    async with client(gateway) as mine:
        async with asyncio.timeout(20):
            while not (row := worker_table.read(await gateway_views.workers(mine, name))[worker[:6]]).why:
                await asyncio.sleep(0.02)
        assert (row.name, row.state, row.why) == (worker, "waiting", f"JobHeld: {HELD}")
        assert await gateway_views.log(mine, name, worker, 1) == "two\n"
        assert await gateway_views.log(mine, name, None, 5) == "one\ntwo\n"
        with pytest.raises(ValueError, match="There is no cluster none"):
            await gateway_views.workers(mine, "none")
    async with client(gateway, "mario") as other:
        with pytest.raises(gateway_views.GatewayUnreachable, match="403"):
            await gateway_views.workers(other, name)


async def test_the_scheduler_learns_how_many_workers_it_may_have(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()

    class Seen(BatchQueueService):
        def __init__(self) -> None:  # without a scheduler
            self.count = 0
            self.gateway = type("Known", (), {})()
            self.gateway.api_url = gateway.url.removesuffix("/v1")
            self.gateway.cluster_name, self.gateway.token = name, gateway.cluster(name).token

    seen = Seen()
    _, told = await gateway.ask("GET", f"clusters/{name}/capacity")
    assert await seen.room() == told["maximum"] > 0
    seen.gateway.token = "of another"
    assert await seen.room() == told["maximum"]


async def test_highrate_doctor_knows_a_gateway_and_who_may_use_it(start: Start) -> None:
    gateway = await start()
    environ = {"DASK_GATEWAY__ADDRESS": gateway.url.removesuffix("/api/v1"), "JUPYTERHUB_API_TOKEN": TOKENS["anna"]}
    assert (await asyncio.to_thread(services.gateway, environ)).state is State.GOOD
    found = await asyncio.to_thread(services.gateway, {**environ, "JUPYTERHUB_API_TOKEN": "of nobody"})
    assert found.state is State.BAD
    assert "token" in found.sentence
