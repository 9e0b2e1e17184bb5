"""Jobs' connections pass by ticket on one path, and nothing else does."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from oauth2_proxy.io.job_channel import SUBPROTOCOL, JobChannels
from oauth2_proxy.model.settings import JobChannel

from tests.fakes.served import served

GOOD = "Bearer good"


async def sidecar(request: web.Request) -> web.StreamResponse:
    """Takes one ticket, and answers each message with itself."""
    if request.headers["Authorization"] != GOOD:
        return web.Response(status=403)
    socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
    await socket.prepare(request)
    async for message in socket:
        if message.data == "leave":
            await socket.close(code=4000, message=b"replaced")
        elif message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


@pytest.fixture
async def edge() -> AsyncIterator[str]:
    upstream = web.Application()
    upstream.router.add_get("/job-channel", sidecar)
    async with served(upstream) as behind:
        channels = JobChannels(JobChannel(upstream=behind, connections=1))
        app = web.Application()
        app.router.add_route("*", "/job-channel", channels.handle)
        async with channels.running(), served(app) as url:
            yield f"{url}/job-channel"


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
