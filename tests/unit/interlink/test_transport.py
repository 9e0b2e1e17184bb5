"""A reply that comes piece by piece: what breaks on the wire is the protocol's error, what the reader does wrong is its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from interlink.protocol.errors import LostTrack, NoConnection, NotNow
from interlink.protocol.transport import Transport
from service_runtime.listen import Listen, serve_app


async def two_pieces(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one")
    if request.path == "/cut":
        assert request.transport is not None
        request.transport.abort()
    return response


async def busy(_request: web.Request) -> web.Response:
    return web.Response(status=503, text="busy")


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[Transport]:
    app = web.Application()
    app.router.add_get("/whole", two_pieces)
    app.router.add_get("/cut", two_pieces)
    app.router.add_get("/busy", busy)
    url = f"unix://{tmp_path}/s.sock"
    async with serve_app(app, Listen.parse(url)), Transport(url) as made:
        yield made


async def read(transport: Transport, path: str) -> bytes:
    async with transport.stream(path, path, headers={}, data=b"", follow=True) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_stream_is_read_to_its_end(transport: Transport) -> None:
    assert await read(transport, "/whole") == b"one"


async def test_a_cut_and_a_refusal_are_errors_of_the_protocol(transport: Transport) -> None:
    with pytest.raises(LostTrack):
        await read(transport, "/cut")
    with pytest.raises(NotNow, match="busy"):
        await read(transport, "/busy")


async def test_no_connection_is_told_from_a_broken_one(tmp_path: Path) -> None:
    async with Transport(f"unix://{tmp_path}/nobody.sock") as nobody:
        with pytest.raises(NoConnection):
            await read(nobody, "/whole")


@pytest.mark.parametrize("own", [ConnectionResetError("my own client went away"), TimeoutError(), OSError("disk full")])
async def test_what_the_reader_raises_stays_as_it_is(transport: Transport, own: OSError) -> None:
    with pytest.raises(type(own)) as raised:
        async with transport.stream("log", "/whole", headers={}, data=b"", follow=True) as chunks:
            async for _ in chunks:
                raise own
    assert raised.value is own


async def test_one_stream_too_many_is_refused_at_once_and_room_is_made_by_each_that_ends(tmp_path: Path) -> None:
    app = web.Application()
    app.router.add_get("/whole", two_pieces)
    url = f"unix://{tmp_path}/s.sock"
    async with serve_app(app, Listen.parse(url)), Transport(url, log_streams=1) as narrow:
        async with narrow.stream("log", "/whole", headers={}, data=b"", follow=True):
            with pytest.raises(NotNow, match="try again later") as caught:
                await read(narrow, "/whole")
        assert caught.value.http_status == 429
        assert await read(narrow, "/whole") == b"one"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_reply_without_end_is_read_up_to_a_bound(tmp_path: Path, chunked: bool) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        size = int(request.query["size"])
        if not chunked:
            return web.Response(body=bytes(size))
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(size):
            await response.write(bytes(1))
        return response

    app = web.Application()
    app.router.add_get("/status", reply)
    url = f"unix://{tmp_path}/s.sock"
    async with serve_app(app, Listen.parse(url), drain_seconds=0.1), Transport(url, reply_limit=100) as narrow:
        assert len((await narrow.call("status", "GET", "/status?size=100", headers={}, data=None))[0]) == 100
        with pytest.raises(LostTrack, match="longer than 100 bytes"):
            await narrow.call("status", "GET", "/status?size=101", headers={}, data=None)
