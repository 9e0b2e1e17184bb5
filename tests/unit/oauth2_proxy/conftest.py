"""A proxy on a real socket between a fake issuer and an upstream that records what reaches it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDictProxy
from oauth2_proxy.app import create_app
from oauth2_proxy.model.settings import Settings
from service_runtime.listen import Listen, serve_app
from yarl import URL

from tests.fakes.issuer import FakeIssuer, running

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


@dataclass
class Upstream:
    """What the proxy protects; `respond` is its answer to everything."""

    respond: Respond = echo
    seen: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return await self.respond(request)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app


@dataclass(frozen=True)
class Reply:
    """What the caller got."""

    status: int
    reason: str | None
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass
class Edge:
    """The three of them, and a session to call the proxy with."""

    issuer: FakeIssuer
    upstream: Upstream
    url: str
    port: int
    session: aiohttp.ClientSession

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(**claims)}"}

    async def call(self, method: str = "POST", path: str = "/create", **options: Any) -> Reply:
        """A call with a good token, unless headers are given."""
        options.setdefault("headers", self.bearer())
        async with self.session.request(method, URL(self.url + path, encoded=True), **options) as response:
            return Reply(response.status, response.reason, response.headers, await response.read())


StartEdge = Callable[..., contextlib.AbstractAsyncContextManager[Edge]]


@pytest.fixture
def start_edge(tmp_path: Path) -> StartEdge:
    """Start an edge; keyword arguments are settings, `issuer_settings` those of its issuer."""

    @contextlib.asynccontextmanager
    async def start(
        issuer: FakeIssuer | None = None, issuer_settings: dict[str, Any] | None = None, **settings: Any
    ) -> AsyncIterator[Edge]:
        upstream = Upstream()
        address = settings.setdefault("upstream", f"unix://{tmp_path}/upstream.sock")
        async with contextlib.AsyncExitStack() as stack:
            fake = await stack.enter_async_context(running(issuer or FakeIssuer()))
            await stack.enter_async_context(serve_app(upstream.app(), Listen.parse(address), drain_seconds=0.1))
            trusted = {"issuer": fake.url, "audiences": ["edge"], "allow": [{"groups": ["/highrate/edge"]}]}
            whole = Settings.model_validate(
                {"listen": "http://127.0.0.1:0", "issuers": [{**trusted, **(issuer_settings or {})}], **settings}
            )
            bound = await stack.enter_async_context(
                serve_app(create_app(whole), Listen.parse(whole.listen), drain_seconds=0.1)
            )
            assert bound is not None
            session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            yield Edge(fake, upstream, f"http://127.0.0.1:{bound[1]}", bound[1], session)

    return start


@pytest.fixture
async def edge(start_edge: StartEdge) -> AsyncIterator[Edge]:
    async with start_edge() as running_edge:
        yield running_edge


def forger(url: str) -> FakeIssuer:
    """Somebody who signs in the name of the issuer at `url`, with a key of the same name."""
    fake = FakeIssuer(url=url)
    fake.rotate("first")
    return fake


async def eventually(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until `condition` holds."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"after {seconds} s still not: {what}") from None
