"""WebSockets pass the proxy with their messages, their subprotocol and their end, for those who may call."""

import asyncio

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.unit.oauth2_proxy.conftest import Edge, StartEdge, eventually

PROTOCOL = "v5.channel.k8s.io"


async def talk(request: web.Request) -> web.StreamResponse:
    """Says everything twice; `end` ends it."""
    socket = web.WebSocketResponse(protocols=(PROTOCOL,))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT and message.data == "end":
            await socket.close(code=4321, message=b"as you like")
        elif message.type is WSMsgType.TEXT:
            await socket.send_str(2 * message.data)
        else:
            await socket.send_bytes(2 * message.data)
    return socket


async def test_messages_and_the_end_pass_both_ways(edge: Edge) -> None:
    edge.upstream.respond = talk
    async with edge.session.ws_connect(f"{edge.url}/exec?a=b", headers=edge.bearer(), protocols=[PROTOCOL]) as socket:
        assert socket.protocol == PROTOCOL
        await socket.send_str("text")
        assert await socket.receive_str() == "texttext"
        await socket.send_bytes(b"\0" * 100_000)
        assert await socket.receive_bytes() == b"\0" * 200_000
        await socket.send_str("end")
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4321, "as you like")
    (seen,) = edge.upstream.seen
    assert seen.path_qs == "/exec?a=b"
    assert "Authorization" not in seen.headers
    assert seen.headers["X-Forwarded-User"]


async def test_the_caller_s_leaving_reaches_the_upstream(edge: Edge) -> None:
    left = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        socket = await talk(request)
        left.set()
        return socket

    edge.upstream.respond = wait
    async with edge.session.ws_connect(f"{edge.url}/exec", headers=edge.bearer()) as socket:
        await socket.send_str("text")
        await socket.receive_str()
    await eventually(left.is_set, "the upstream learnt it")


async def test_a_stranger_opens_none(edge: Edge) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await edge.session.ws_connect(f"{edge.url}/exec")
    assert refused.value.status == 401
    assert edge.upstream.seen == []


async def test_a_refusal_of_the_upstream_is_the_caller_s(edge: Edge) -> None:
    async def busy(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "7", "InterLink-Refusal": "no%20room", "X-Other": "x"})

    edge.upstream.respond = busy
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await edge.session.ws_connect(f"{edge.url}/exec", headers=edge.bearer())
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "7"
    assert refused.value.headers["InterLink-Refusal"] == "no%20room"
    assert "X-Other" not in refused.value.headers


async def test_websockets_are_counted_among_the_streams(start_edge: StartEdge) -> None:
    async with start_edge(limits={"streams": 1}) as edge:
        edge.upstream.respond = talk
        async with edge.session.ws_connect(f"{edge.url}/exec", headers=edge.bearer()):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await edge.session.ws_connect(f"{edge.url}/exec", headers=edge.bearer())
            assert refused.value.status == 503
