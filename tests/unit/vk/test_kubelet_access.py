"""What callers of the kubelet port must be allowed; made-up tokens keep neither the API server busy nor known callers out."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request, Response
from virtual_kubelet.io.kubelet_access import REVIEWS_AT_ONCE, REVIEWS_WAITING, KubeletAccess
from virtual_kubelet.io.short_memory import REMEMBER_SECONDS, REMEMBERED

from tests.unit.vk.pods import Json

GOOD = "good"


class Reviews:
    """An API server that knows one token, and that can be made to take its time."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.rights: list[tuple[str, str]] = []
        self.allowed: set[str] | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.running = self.most = 0

    async def post(self, path: str, body: Json) -> Json:
        if "tokenreviews" not in path:
            attributes = body["spec"]["resourceAttributes"]
            self.rights.append((attributes["verb"], attributes["subresource"]))
            return {"status": {"allowed": self.allowed is None or attributes["subresource"] in self.allowed}}
        token = body["spec"]["token"]
        self.asked[token] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        return {"status": {"authenticated": token == GOOD, "user": {"username": "somebody"}}}


class Port:
    """The gate in front of a route, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reviews = Reviews()
        api: Any = self.reviews
        self._access = KubeletAccess(api, "node", lambda: self.now)

    def application(self) -> Application:
        async def answer(_request: Request) -> Response:
            return Response(text="in")

        app = Application(middlewares=[self._access.middleware()])
        app.router.add_route("*", "/{path:.*}", answer)
        return app


@pytest.fixture
async def port() -> Port:
    return Port()


@pytest.fixture
async def client(port: Port) -> Any:
    async with TestClient(TestServer(port.application())) as made:
        yield made


async def status(client: Any, token: str, path: str = "/", method: str = "GET") -> int:
    async with client.request(method, path, headers={"Authorization": f"Bearer {token}"}) as response:
        return int(response.status)


async def test_a_stranger_is_asked_about_once_in_a_while(port: Port, client: Any) -> None:
    assert [await status(client, "made-up") for _ in range(3)] == [401] * 3
    assert port.reviews.asked["made-up"] == 1
    port.now += REMEMBER_SECONDS
    assert await status(client, "made-up") == 401
    assert port.reviews.asked["made-up"] == 2


async def test_strangers_push_no_caller_out_of_the_memory(port: Port, client: Any) -> None:
    assert await status(client, GOOD) == 200
    for number in range(REMEMBERED + 1):
        assert await status(client, f"made-up-{number}") == 401
    assert await status(client, GOOD) == 200
    assert port.reviews.asked[GOOD] == 1


async def test_few_reviews_run_at_once_and_few_wait(port: Port, client: Any) -> None:
    assert await status(client, GOOD) == 200
    port.reviews.open.clear()
    calls = [asyncio.ensure_future(status(client, f"made-up-{number}")) for number in range(REVIEWS_WAITING + 10)]
    async with asyncio.timeout(20):
        while sum(call.done() for call in calls) < 10:
            await asyncio.sleep(0.01)
        assert {call.result() for call in calls if call.done()} == {503}
        assert await status(client, GOOD) == 200
        port.reviews.open.set()
        answers = await asyncio.gather(*calls)
    assert Counter(answers) == {401: REVIEWS_WAITING, 503: 10}
    assert port.reviews.most == REVIEWS_AT_ONCE


async def test_requests_with_one_token_share_its_review(port: Port, client: Any) -> None:
    port.reviews.open.clear()
    calls = [asyncio.ensure_future(status(client, GOOD)) for _ in range(20)]
    async with asyncio.timeout(20):
        while port.reviews.running < REVIEWS_AT_ONCE:
            await asyncio.sleep(0.01)
        port.reviews.open.set()
        assert await asyncio.gather(*calls) == [200] * 20
    assert port.reviews.asked[GOOD] == REVIEWS_AT_ONCE


@pytest.mark.parametrize(
    ("path", "method", "needed"),
    [
        ("/stats/summary", "GET", [("get", "stats")]),
        ("/metrics", "GET", [("get", "metrics")]),
        ("/metrics/resource", "GET", [("get", "metrics")]),
        ("/logs/", "GET", [("get", "log")]),
        ("/pods", "GET", [("get", "pods"), ("get", "proxy")]),
        ("/runningpods/", "GET", [("get", "pods"), ("get", "proxy")]),
        ("/healthz", "GET", [("get", "healthz"), ("get", "proxy")]),
        ("/containerLogs/ns/p/c", "GET", [("get", "proxy")]),
        ("/exec/ns/p/c", "POST", [("create", "proxy")]),
        ("/exec/ns/p/c", "GET", [("create", "proxy")]),
        ("/metricsfoo", "GET", [("get", "proxy")]),
    ],
)
async def test_what_a_path_needs_is_what_a_kubelet_asks_for(
    port: Port, client: Any, path: str, method: str, needed: list[tuple[str, str]]
) -> None:
    port.reviews.allowed = set()
    assert await status(client, GOOD, path, method) == 403
    assert port.reviews.rights == needed
    port.now += REMEMBER_SECONDS
    port.reviews.allowed = {needed[0][1]}
    assert await status(client, GOOD, path, method) == 200


async def test_who_may_read_metrics_may_not_run_commands(port: Port, client: Any) -> None:
    port.reviews.allowed = {"metrics", "stats"}
    assert await status(client, GOOD, "/metrics/resource") == 200
    assert await status(client, GOOD, "/exec/ns/p/c", "POST") == 403
    assert await status(client, GOOD, "/containerLogs/ns/p/c") == 403
