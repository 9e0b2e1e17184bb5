"""Bodies of any size and framing go through in both directions as they come, and both ends learn of a break."""

import asyncio
import resource
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.unit.oauth2_proxy.conftest import Edge, StartEdge, eventually

MIB = 1024 * 1024


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_arrives_whole_with_every_method_and_framing(edge: Edge, method: str, chunked: bool) -> None:
    body = in_pieces(b'[{"uid":', b'"a"}]') if chunked else b'[{"uid":"a"}]'
    response = await edge.call(method, "/status?a=b%2Fc&d", data=body)
    assert (response.status, response.body) == (200, b'[{"uid":"a"}]')
    seen = edge.upstream.seen[0]
    assert (seen.method, seen.raw_path) == (method, "/status?a=b%2Fc&d")
    assert (seen.headers.get("Content-Length"), seen.headers.get("Transfer-Encoding")) == (
        (None, "chunked") if chunked else ("13", None)
    )


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0"), ("DELETE", "0"), ("HEAD", None)])
async def test_a_call_without_body_stays_one(edge: Edge, method: str, length: str | None) -> None:
    response = await edge.call(method, "/pinglink")
    assert response.status == 200
    assert edge.upstream.seen[0].headers.get("Content-Length") == length
    assert "Transfer-Encoding" not in edge.upstream.seen[0].headers


async def test_status_reason_headers_and_compressed_bodies_come_back_as_they_are(edge: Edge) -> None:
    async def respond(_request: web.Request) -> web.Response:
        headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Encoding", "gzip"), ("X-Y", "z")]
        return web.Response(status=418, reason="Short", body=b"\x1f\x8bnot really", headers=headers)

    edge.upstream.respond = respond
    response = await edge.call()
    assert (response.status, response.reason, response.body) == (418, "Short", b"\x1f\x8bnot really")
    assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers["X-Y"] == "z"
    await edge.call()
    assert "Cookie" not in edge.upstream.seen[1].headers


async def test_a_redirect_of_the_upstream_is_the_callers_to_follow(edge: Edge) -> None:
    async def respond(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:9/")

    edge.upstream.respond = respond
    assert (await edge.call("GET", "/", allow_redirects=False)).status == 302
    assert len(edge.upstream.seen) == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_replies_without_body_stay_without(edge: Edge, status: int) -> None:
    async def respond(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    edge.upstream.respond = respond
    assert (await edge.call("GET", "/")).status == status
    assert (await edge.call("GET", "/")).status == status


async def test_the_length_announced_to_head_comes_back_without_a_body(edge: Edge) -> None:
    async def respond(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1234)

    edge.upstream.respond = respond
    response = await edge.call("HEAD", "/")
    assert (response.status, response.headers["Content-Length"], response.body) == (200, "1234", b"")


async def test_followed_logs_come_line_by_line(edge: Edge) -> None:
    go_on = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await go_on.wait()
        await response.write(b"second\n")
        return response

    edge.upstream.respond = respond
    async with edge.session.get(edge.url + "/getLogs", headers=edge.bearer(), data=b"{}") as response:
        async with asyncio.timeout(5):
            assert await response.content.readany() == b"first\n"
        go_on.set()
        assert await response.read() == b"second\n"


async def test_headers_come_before_the_first_byte_of_a_quiet_log(edge: Edge) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(30)
        return response

    edge.upstream.respond = respond
    async with asyncio.timeout(5), edge.session.get(edge.url + "/getLogs", headers=edge.bearer()) as response:
        assert response.status == 200


async def test_a_caller_who_hangs_up_ends_the_call_to_the_upstream(edge: Edge) -> None:
    cancelled = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return web.Response()

    edge.upstream.respond = respond
    call = asyncio.create_task(edge.call())
    await eventually(lambda: len(edge.upstream.seen) == 1, "the call reached the upstream")
    call.cancel()
    async with asyncio.timeout(5):
        await cancelled.wait()


async def test_a_caller_who_hangs_up_during_a_quiet_log_ends_it_at_the_upstream(edge: Edge) -> None:
    cancelled = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return response

    edge.upstream.respond = respond
    async with edge.session.get(edge.url + "/getLogs", headers=edge.bearer()) as response:
        assert await response.content.readany() == b"first\n"
        response.close()
    async with asyncio.timeout(5):
        await cancelled.wait()


async def test_a_reply_that_breaks_off_breaks_off_for_the_caller(edge: Edge) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    edge.upstream.respond = respond
    with pytest.raises(aiohttp.ClientError):
        await edge.call("GET", "/getLogs")


async def test_a_body_that_breaks_off_breaks_off_at_the_upstream(edge: Edge) -> None:
    ends: list[BaseException] = []

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            await request.read()
        except BaseException as error:
            ends.append(error)
            raise
        return web.Response()

    edge.upstream.respond = respond
    _, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    authorization = edge.bearer()["Authorization"]
    head = f"POST /create HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: 1000\r\n\r\nhalf"
    writer.write(head.encode())
    await writer.drain()
    await eventually(lambda: len(edge.upstream.seen) == 1, "the call reached the upstream")
    writer.close()
    await eventually(lambda: len(ends) == 1, "the upstream noticed")


async def test_large_bodies_pass_without_being_held(start_edge: StartEdge) -> None:
    """A hundred megabytes each way; held whole, they would be seen in this process's peak memory."""
    total = 100

    async def many() -> AsyncIterator[bytes]:
        for _ in range(total):
            yield bytes(MIB)

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        received = 0
        async for piece in request.content.iter_any():
            received += len(piece)
            await response.write(bytes(len(piece)))
        assert received == total * MIB
        return response

    async with start_edge(limits={"body": "200MiB"}) as edge:
        edge.upstream.respond = respond
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        received = 0
        async with edge.session.post(edge.url + "/create", headers=edge.bearer(), data=many()) as response:
            async for piece in response.content.iter_any():
                received += len(piece)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert received == total * MIB
    assert grown < 30 * 1024, f"{grown} KiB more than before"
