"""Everything between a caller of interLink and a job that is a fake: what commands in containers are tested with."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from condor_sidecar.app.exec import Commands
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import STDERR, STDOUT, ExecRequest
from interlink.protocol.exec_stream import ExecStream
from interlink.protocol.features import EXEC, FEATURES_HEADER
from interlink.protocol.serving import error_middleware
from interlink.server.handlers import ApiServer
from interlink.server.plugin import Plugin
from interlink.server.settings import ServerSettings
from service_runtime.listen import Listen, serve_app

from tests.fakes.job_streams import FakeChannels


@dataclass
class Way:
    """The caller's client, the server's address, and the jobs at the other end."""

    client: InterlinkClient
    url: str
    jobs: FakeChannels

    @contextlib.asynccontextmanager
    async def exec(self, *command: str, **fields: Any) -> AsyncIterator[ExecStream]:
        uid = fields.pop("uid", "uid")
        name = fields.pop("container", "c")
        async with self.client.exec(ExecRequest("ns", uid, "pod", name, list(command), **fields)) as stream:
            yield stream

    async def run(self, *command: str, **fields: Any) -> tuple[dict[int, bytes], dict[str, Any]]:
        async with self.exec(*command, **fields) as stream:
            return await outputs(stream)


async def outputs(stream: ExecStream) -> tuple[dict[int, bytes], dict[str, Any]]:
    found = {STDOUT: b"", STDERR: b""}
    async for kind, data in stream.pieces():
        found[kind] += data
    assert stream.status is not None
    return found, stream.status


def waits_to_be_read(stream: ExecStream) -> bool:
    """Whether more has arrived here than a caller who doesn't read is given: its connection takes nothing any more."""
    return bool(stream._socket._reader._protocol._reading_paused)


async def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)


def plugin_app(jobs: FakeChannels) -> web.Application:
    commands = Commands({"uid": ["c", "d"], "far": ["c"]}.get, jobs)

    async def status(_request: web.Request) -> web.Response:
        return web.Response(text="{}", headers={FEATURES_HEADER: EXEC})

    async def run(request: web.Request) -> web.StreamResponse:
        if jobs.refusal is not None:
            raise jobs.refusal
        return await commands.handle(request)

    app = web.Application(middlewares=[error_middleware])
    app.router.add_get("/exec", run)
    app.router.add_get("/status", status)
    return app


@contextlib.asynccontextmanager
async def interlink_server(socket: str) -> AsyncIterator[str]:
    """The API server in front of the plugin at `socket`, whether one is there or not; its address."""
    settings = ServerSettings.model_validate(
        {"InterlinkAddress": "http://127.0.0.1", "InterlinkPort": "1", "SidecarURL": socket}
    )
    async with (
        Plugin(settings.plugin_url()) as plugin,
        serve_app(
            ApiServer(settings, plugin).application(), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1
        ) as at,
    ):
        assert at is not None
        yield f"http://{at[0]}:{at[1]}"


@contextlib.asynccontextmanager
async def command_chain(folder: Path) -> AsyncIterator[Way]:
    """All of it, on real sockets in `folder`."""
    socket, jobs = f"unix://{folder}/plugin.sock", FakeChannels()
    async with (
        serve_app(plugin_app(jobs), Listen.parse(socket), drain_seconds=0.1),
        interlink_server(socket) as url,
        InterlinkClient(url) as client,
    ):
        assert EXEC in (await client.ping()).features
        yield Way(client, url, jobs)
