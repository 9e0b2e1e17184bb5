"""The session's server leads to dashboards of its user's own clusters, and to nothing else that is behind the gateway."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from highrate.session.proxied_hosts import ProxiedHosts

from tests.fakes import dask_gateway
from tests.fakes.dask_gateway import NAME, FakeGateway

HOST = "127.1"  # this machine, by none of the names that are the session's own


class Session:
    """A session at `gateway`, whose address has the path `prefix`."""

    def __init__(self, gateway: FakeGateway, *, prefix: str = "", scheme: str = "http") -> None:
        self.now = 0.0
        self.port = gateway.url.rpartition(":")[2] or "9"
        environ = {
            "DASK_GATEWAY__ADDRESS": f"{scheme}://{HOST}:{self.port}{prefix}",
            "JUPYTERHUB_API_TOKEN": gateway.hub_token,
        }
        self.hosts = ProxiedHosts(environ, lambda: self.now)

    async def leads_to(self, path: str, *, host: str = HOST, port: str = "", absolute: bool = False) -> bool:
        """As jupyter-server-proxy asks, with the path that it has decoded."""
        handler = SimpleNamespace(
            path_args=[host, port or self.port, path], absolute_url=absolute, log=logging.getLogger("test")
        )
        return await asyncio.to_thread(self.hosts, handler, host)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.mark.parametrize("path", [f"/clusters/{NAME}/status", f"/clusters/{NAME}/", f"/clusters/{NAME}/static/js/a.js"])
async def test_own_dashboards_are_shown(path: str, gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        assert await Session(gateway).leads_to(path)


@pytest.mark.parametrize(
    "path",
    [
        "/clusters/of-somebody-else/status",
        f"/clusters/{NAME}",
        "/clusters/",
        "",
        "/",
        "/api/v1/clusters/",
        f"/api/v1/clusters/{NAME}",
        f"/clusters/{NAME}/../of-somebody-else/status",
        f"/clusters/{NAME}/./status",
        f"/clusters/{NAME}/..?/status",
        f"/clusters/{NAME}/%2e%2e/of-somebody-else/status",
        f"/clusters/{NAME}\\..\\of-somebody-else/status",
        f"/clusters//{NAME}/status",
        f"//clusters/{NAME}/status",
        f"clusters/{NAME}/status",
    ],
)
async def test_nothing_else_of_the_gateway_is(path: str, gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        assert not await Session(gateway).leads_to(path)


async def test_a_gateway_below_a_path(gateway: FakeGateway) -> None:
    session = Session(gateway, prefix="/dask")
    assert not await session.leads_to(f"/clusters/{NAME}/status")
    assert session.hosts._cluster(f"/dask/clusters/{NAME}/status") == NAME


async def test_neither_another_port_nor_another_host_nor_a_path_that_is_not_what_is_asked_for(
    gateway: FakeGateway,
) -> None:
    path = f"/clusters/{NAME}/status"
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        assert not await session.leads_to(path, port="1")
        assert not await session.leads_to(path, host="127.0.0.3")
        assert not await session.leads_to(path, absolute=True)
        assert not await Session(gateway, scheme="https").leads_to(path)
        assert gateway.lists == 0
        assert await session.leads_to("/anything", host="localhost", port="8888", absolute=True)


async def test_a_session_that_the_gateway_does_not_know_sees_nothing(gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        gateway.hub_token = "another"
        assert not await session.leads_to(f"/clusters/{NAME}/status")


async def test_a_new_cluster_is_known_soon_and_an_ended_one_forgotten(gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        assert not await session.leads_to("/clusters/new/status")
        gateway.listed = ["new"]
        session.now += 3
        assert await session.leads_to("/clusters/new/status")
        gateway.listed = []
        session.now += 61
        assert not await session.leads_to("/clusters/new/status")


async def test_the_gateway_is_not_asked_for_each_picture(gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        for number in range(20):
            session.now = number / 10
            assert await session.leads_to(f"/clusters/{NAME}/static/{number}.js")
            assert not await session.leads_to(f"/clusters/other/static/{number}.js")
    assert gateway.lists == 1


async def test_while_the_gateway_is_away_what_it_said_holds_for_a_minute(gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        assert await session.leads_to(f"/clusters/{NAME}/status")
    session.now = 59
    assert await session.leads_to(f"/clusters/{NAME}/status")
    session.now = 61
    assert not await session.leads_to(f"/clusters/{NAME}/status")


async def test_a_gateway_that_fails_is_left_alone_for_a_while(gateway: FakeGateway) -> None:
    async with dask_gateway.running(gateway):
        session = Session(gateway)
        gateway.hub_token = "another"
        assert not await session.leads_to(f"/clusters/{NAME}/status")
        gateway.hub_token = "token-of-the-session"
        session.now = 29
        assert not await session.leads_to(f"/clusters/{NAME}/status")
        assert gateway.lists == 0
        session.now = 31
        assert await session.leads_to(f"/clusters/{NAME}/status")
