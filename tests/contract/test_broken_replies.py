"""Replies of a plugin that break off or come in pieces: what was understood counts, and nobody waits for the rest."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import LostTrack, Rejected
from interlink.protocol.types import CreateRequest, LogOptions, LogRequest
from interlink.server.handlers import ApiServer
from interlink.server.plugin import Plugin
from interlink.server.settings import ServerSettings
from service_runtime.listen import Listen, serve_app

from tests.contract.messages import UID


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half\n")
    assert request.transport is not None
    request.transport.abort()
    return response


async def reasons_in_pieces(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(status=422)
    await response.prepare(request)
    for number in range(3):
        await response.write(f"reason {number}\n".encode())
        await asyncio.sleep(0.05)
    return response


async def reasons_that_break_off(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(status=422)
    await response.prepare(request)
    await response.write(b"reason 0\n")
    await asyncio.sleep(0.05)
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.fixture
async def plugin_app() -> web.Application:
    return web.Application()


@pytest.fixture
async def client(tmp_path: Path, plugin_app: web.Application) -> AsyncIterator[InterlinkClient]:
    plugin_url, url = f"unix://{tmp_path}/plugin.sock", f"unix://{tmp_path}/server.sock"
    plugin_app.router.add_get("/getLogs", break_off)
    plugin_app.router.add_post("/create", reasons_in_pieces)
    plugin_app.router.add_post("/delete", reasons_that_break_off)
    settings = ServerSettings.model_validate({"InterlinkAddress": url, "SidecarURL": plugin_url})
    async with (
        serve_app(plugin_app, Listen.parse(plugin_url), drain_seconds=0.1),
        Plugin(plugin_url) as plugin,
        serve_app(ApiServer(settings, plugin).application(), Listen.parse(url), drain_seconds=0.1),
        InterlinkClient(url) as caller,
    ):
        yield caller


async def test_a_followed_log_whose_plugin_breaks_off_ends_with_an_error_and_not_with_other_bytes(
    client: InterlinkClient,
) -> None:
    request = LogRequest("default", UID, "pod", "main", LogOptions(Follow=True))
    received = b""
    async with asyncio.timeout(5):
        with pytest.raises((LostTrack, aiohttp.ClientError)):
            async with client.logs(request) as chunks:
                async for chunk in chunks:
                    received += chunk
    assert received == b"half\n"


async def test_all_reasons_of_a_rejection_arrive_however_they_are_cut(client: InterlinkClient) -> None:
    with pytest.raises(Rejected) as caught:
        await client.create(CreateRequest(pod={"metadata": {"uid": UID}}))
    assert caught.value.reasons == ("reason 0", "reason 1", "reason 2")


async def test_the_status_counts_where_its_words_break_off(client: InterlinkClient) -> None:
    with pytest.raises(Rejected) as caught:
        await client.delete({"metadata": {"uid": UID}})
    assert caught.value.reasons == ("reason 0",)
