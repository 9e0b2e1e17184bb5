"""Logs at the kubelet port: how many are read at once, and what the next one is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from interlink.protocol.client import InterlinkClient
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.kubelet_access import KubeletAccess
from virtual_kubelet.io.kubelet_port import KubeletPort
from virtual_kubelet.io.node_stats import NodeStats

from tests.fakes.interlink_server import FakeInterlink
from tests.unit.vk.pods import Json, container, pod

LOG = "/containerLogs/ns/p/a?follow=true"


class Everybody:
    """An API server that knows and allows everybody."""

    async def post(self, _path: str, _body: Json) -> Json:
        return {"status": {"authenticated": True, "allowed": True, "user": {"username": "somebody"}}}


@pytest.fixture
async def site() -> FakeInterlink:
    found = FakeInterlink()
    found.logs["a"] = [b"first\n"]
    found.follow_gate = asyncio.Event()
    return found


@pytest.fixture
async def port(site: FakeInterlink) -> AsyncIterator[Any]:
    """A node with one running pod, through which two logs can be read at once."""
    registry, api = Registry(), Everybody()
    debuggers = [
        {"name": "d", "state": {"running": {}}},
        {"name": "e", "state": {"waiting": {"reason": "ProviderUnable"}}},
    ]
    registry.seen(
        pod(
            ephemeralContainers=[container("d"), container("e")],
            status={
                "phase": "Running",
                "containerStatuses": [{"name": "a", "state": {"running": {}}}],
                "ephemeralContainerStatuses": debuggers,
            },
        )
    )
    access: Any = KubeletAccess(api, "node")  # type: ignore[arg-type]
    async with TestServer(site.app()) as served, InterlinkClient(str(served.make_url("")), log_streams=2) as client:
        stats = NodeStats("node", registry, Remote(client, "node", 5))
        app = KubeletPort(registry, client, access, stats).application()
        async with TestClient(TestServer(app), headers={"Authorization": "Bearer x"}) as caller:
            yield caller
            assert site.follow_gate is not None
            site.follow_gate.set()


async def test_one_log_too_many_is_told_to_come_back_and_the_others_go_on(port: Any, site: FakeInterlink) -> None:
    async with contextlib.AsyncExitStack() as followed:
        readers = [await followed.enter_async_context(port.get(LOG)) for _ in range(2)]
        assert [await reader.content.readline() for reader in readers] == [b"first\n"] * 2
        async with port.get(LOG) as further:
            assert further.status == 429
            assert "too many logs" in await further.text()
        assert site.calls["/getLogs"] == 2
        assert site.follow_gate is not None
        site.follow_gate.set()
        assert [await reader.content.readline() for reader in readers] == [b"last line\n"] * 2
    async with port.get(LOG) as later:
        assert later.status == 200


async def test_an_ephemeral_container_has_a_log_once_it_runs(port: Any, site: FakeInterlink) -> None:
    site.logs["d"] = [b"polo\n"]
    async with port.get("/containerLogs/ns/p/d") as running:
        assert (running.status, await running.text()) == (200, "polo\n")
    async with port.get("/containerLogs/ns/p/e") as waiting:
        assert (waiting.status, await waiting.text()) == (
            400, 'container "e" in pod "p" is waiting to start: ProviderUnable\n',
        )  # fmt: skip
    async with port.get("/containerLogs/ns/p/f") as strange:
        assert strange.status == 404
