"""Connections that say nothing are closed, those that work are not; a successor's socket is left alone."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from service_runtime import silent_connections
from service_runtime.http_client import HttpClient
from service_runtime.listen import Listen, serve_app

SECONDS = 0.6


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent_connections.SilentConnections.__init__, "__defaults__", (SECONDS,))


def app_of(seconds: float) -> web.Application:
    async def handle(_request: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", handle)
    return app


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a"])
async def test_a_connection_without_a_whole_request_is_closed(sent: bytes) -> None:
    async with serve_app(app_of(0), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        reader, writer = await asyncio.open_connection(*bound)
        writer.write(sent)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_may_take_longer_and_its_connection_serve_on() -> None:
    async with serve_app(app_of(2 * SECONDS), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        reader, writer = await asyncio.open_connection(*bound)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_socket_that_a_successor_put_there_while_we_drained_stays(tmp_path: Path) -> None:
    listen = Listen.parse(f"unix://{tmp_path}/s.sock")
    first_ends = asyncio.Event()

    async def first() -> None:
        async with serve_app(app_of(0), listen, drain_seconds=0.1):
            await first_ends.wait()

    task = asyncio.create_task(first())
    while not (tmp_path / "s.sock").exists():
        await asyncio.sleep(0.01)
    (tmp_path / "s.sock").rename(tmp_path / "old.sock")
    async with serve_app(app_of(0), listen), HttpClient(str(listen)) as client:
        first_ends.set()
        await task
        async with client.request("GET", "/") as response:
            assert response.status == 200
    assert not (tmp_path / "s.sock").exists()
