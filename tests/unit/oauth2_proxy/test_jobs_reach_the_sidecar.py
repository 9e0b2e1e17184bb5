"""Jobs' connections pass by ticket on one path, and nothing else does."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from oauth2_proxy.io.job_channel import SUBPROTOCOL, JobChannels
from oauth2_proxy.model.settings import JobChannel

from tests.fakes.served import served

GOOD = "Bearer good"


async def sidecar(request: web.Request) -> web.StreamResponse:
    """Takes one ticket, and answers each message with itself, but for `hush`."""
    if request.headers["Authorization"] != GOOD:
        return web.Response(status=403)
    socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
    await socket.prepare(request)
    async for message in socket:
        if message.data == "leave":
            await socket.close(code=4000, message=b"replaced")
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data != "hush":
            await socket.send_str(message.data)
    return socket


@contextlib.asynccontextmanager
async def edge_with(**settings: Any) -> AsyncIterator[str]:
    upstream = web.Application()
    upstream.router.add_get("/job-channel", sidecar)
    async with served(upstream) as behind:
        channels = JobChannels(JobChannel(upstream=behind, **settings))
        app = web.Application()
        app.router.add_route("*", "/job-channel", channels.handle)
        async with channels.running(), served(app) as url:
            yield f"{url}/job-channel"


@pytest.fixture
async def edge() -> AsyncIterator[str]:
    async with edge_with(connections=1) as url:
        yield url


@pytest.mark.parametrize("pings", [False, True])
async def test_a_sidecar_may_be_silent_while_its_job_is_not(pings: bool) -> None:
    async with edge_with(silence=1) as url, aiohttp.ClientSession() as session:
        async with session.ws_connect(
            url, headers={"Authorization": GOOD}, protocols=(SUBPROTOCOL,), autoping=False
        ) as socket:
            began = time.monotonic()
            while time.monotonic() < began + 2.5:
                await (socket.ping(b"there?") if pings else socket.send_str("hush"))
                if pings:
                    answer = await socket.receive(timeout=5)
                    assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"there?"), "the sidecar's"
                await asyncio.sleep(0.05)
            await socket.send_str("still there")
            assert (await socket.receive(timeout=5)).data == "still there"


async def test_a_connection_that_nobody_uses_is_ended() -> None:
    async with edge_with(silence=0.2) as url, aiohttp.ClientSession() as session:
        async with session.ws_connect(url, headers={"Authorization": GOOD}, protocols=(SUBPROTOCOL,)) as socket:
            ended = await socket.receive(timeout=5)
            assert (ended.type, ended.extra) == (aiohttp.WSMsgType.CLOSE, "nothing was said for too long")


async def test_messages_pass_both_ways_and_a_close_keeps_its_code(edge: str) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(edge, headers={"Authorization": GOOD}, protocols=(SUBPROTOCOL,))
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=5) == "hello"
        await socket.send_bytes(b"x" * 100_000)
        assert await socket.receive_bytes(timeout=5) == b"x" * 100_000
        await socket.send_str("leave")
        ended = await socket.receive(timeout=5)
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 4000)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Basic x"}, 401),
        ({"Authorization": "Bearer " + "x" * 600}, 401),
        ({"Authorization": "Bearer bad"}, 403),
    ],
)
async def test_whom_the_sidecar_does_not_take_does_not_pass(edge: str, headers: dict[str, str], status: int) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(edge, headers=headers, protocols=(SUBPROTOCOL,))
        assert refused.value.status == status


async def test_nothing_but_websockets_passes_and_no_more_than_allowed(edge: str) -> None:
    async with aiohttp.ClientSession() as session:
        for method in ("GET", "POST", "DELETE"):
            async with session.request(method, edge, headers={"Authorization": GOOD}) as reply:
                assert reply.status == 400, method
        async with session.ws_connect(edge, headers={"Authorization": GOOD}, protocols=(SUBPROTOCOL,)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(edge, headers={"Authorization": GOOD}, protocols=(SUBPROTOCOL,))
            assert refused.value.status == 503


def test_the_path_is_taken_from_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path"):
        JobChannel(upstream=f"unix://{tmp_path}/s", path="no-slash")
