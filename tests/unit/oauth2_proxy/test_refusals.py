"""Who may not pass is told so in a status and nothing more, and the upstream never hears of it."""

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import REGISTRY
from service_runtime.logs import configure_logs

from tests.unit.oauth2_proxy.conftest import Edge, StartEdge, echo, eventually, forger


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"oauth2_proxy_{name}_total", labels) or 0.0


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines that a proxy in production would have written so far, as objects."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    configure_logs("oauth2-proxy", "debug")
    ours = next(handler for handler in root.handlers if handler not in before)
    assert isinstance(ours, logging.StreamHandler)
    ours.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(ours)
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("claims", "status", "outcome"),
    [
        ({"exp": 1}, 401, "expired"),
        ({"aud": "other"}, 401, "audience"),
        ({"iss": "https://other.example/"}, 401, "unknown_issuer"),
        ({"wlcg.groups": None}, 403, "forbidden"),
        ({"wlcg.groups": ["/other"]}, 403, "forbidden"),
    ],
)
async def test_a_token_that_does_not_do_is_refused_without_a_word(
    edge: Edge, log_lines: Any, claims: dict[str, Any], status: int, outcome: str
) -> None:
    before = counted("requests", outcome=outcome)
    headers = {**edge.bearer(**claims), "InterLink-Http-Session": "CreatePod#7"}
    reply = await edge.call("POST", "/create", headers=headers, data=b"{}")
    assert (reply.status, reply.body) == (status, b"")
    assert reply.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert edge.upstream.seen == []
    assert counted("requests", outcome=outcome) == before + 1
    line = next(line for line in log_lines() if line["event"] == "request.denied")
    assert (line["outcome"], line["request"], line["path"], line["status"]) == (
        outcome,
        "CreatePod#7",
        "/create",
        status,
    )
    assert line["reason"]


async def test_no_token_is_401(edge: Edge) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}):
        assert (await edge.call(headers=headers)).status == 401
    assert edge.upstream.seen == []


async def test_a_refused_call_with_a_large_body_leaves_the_proxy_well(edge: Edge) -> None:
    reply = await edge.call(headers={}, data=bytes(8 * 1024 * 1024))
    assert (reply.status, reply.body) == (401, b"")
    assert (await edge.call()).status == 200


@pytest.mark.parametrize(("filler", "status"), [(9_000, 200), (15_000, 401), (40_000, 401)])
async def test_a_long_token_is_judged_and_not_taken_for_a_broken_call(edge: Edge, filler: int, status: int) -> None:
    """A 400 would be taken for a pod that can never run; members of hundreds of groups have tokens of many kilobytes."""
    assert (await edge.call(headers=edge.bearer(filler="y" * filler))).status == status


async def test_health_needs_no_token_and_is_not_passed_on(edge: Edge) -> None:
    reply = await edge.call("GET", "/healthz", headers={})
    assert (reply.status, reply.body) == (200, b"ok\n")
    assert edge.upstream.seen == []


async def test_without_health_path_it_is_a_call_like_any_other(start_edge: StartEdge) -> None:
    async with start_edge(health_path=None) as edge:
        assert (await edge.call("GET", "/healthz", headers={})).status == 401
        assert (await edge.call("GET", "/healthz")).status == 200
        assert len(edge.upstream.seen) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413_and_one_at_the_limit_passes(start_edge: StartEdge, chunked: bool) -> None:
    async def pieces(size: int) -> Any:
        for _ in range(size // 1000):
            yield bytes(1000)

    async with start_edge(limits={"body": 100_000}) as edge:
        allowed, longer = (pieces(100_000), pieces(101_000)) if chunked else (bytes(100_000), bytes(100_001))
        assert (await edge.call(data=allowed)).status == 200
        reply = await edge.call(data=longer)
        assert (reply.status, reply.body) == (413, b"")
        assert (await edge.call()).status == 200


async def test_a_body_announced_too_long_is_refused_before_it_comes(edge: Edge) -> None:
    reply = await raw(edge, f"POST /create HTTP/1.1\r\nHost: x\r\n{auth(edge)}\r\nContent-Length: 99999999\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413")


async def test_a_body_that_stalls_is_given_up(start_edge: StartEdge) -> None:
    async with start_edge(deadlines={"body": 0.2}) as edge:

        async def stalling() -> Any:
            yield b"a"
            await asyncio.sleep(30)

        assert (await edge.call(data=stalling())).status == 408


async def test_an_upstream_that_is_down_is_503_and_not_401(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "upstream.sock").unlink()
    reply = await edge.call(data=b"{}")
    assert (reply.status, reply.body, reply.headers["Retry-After"]) == (503, b"", "2")


async def test_an_upstream_that_refuses_connections_is_503(start_edge: StartEdge, unused_tcp_port: int) -> None:
    async with start_edge(upstream=f"http://127.0.0.1:{unused_tcp_port}") as edge:
        assert (await edge.call()).status == 200


@pytest.mark.parametrize(("method", "body"), [("GET", b"{}"), ("DELETE", b"{}"), ("POST", b"{}"), ("POST", None)])
async def test_an_upstream_that_hangs_up_without_reply_is_502(edge: Edge, method: str, body: bytes | None) -> None:
    async def respond(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    edge.upstream.respond = respond
    assert (await edge.call(method, data=body)).status == 502
    assert len(edge.upstream.seen) == 1, "a call that may have had an effect is not repeated by the proxy"


async def test_an_upstream_that_never_replies_is_504(start_edge: StartEdge) -> None:
    async def respond(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with start_edge(deadlines={"first_byte": 0.2}) as edge:
        edge.upstream.respond = respond
        assert (await edge.call(data=b"{}")).status == 504


async def test_a_slow_upload_does_not_count_as_a_slow_reply(start_edge: StartEdge) -> None:
    async def slowly() -> Any:
        for _ in range(6):
            yield b"a"
            await asyncio.sleep(0.1)

    async with start_edge(deadlines={"first_byte": 0.3}) as edge:
        reply = await edge.call(data=slowly())
        assert (reply.status, reply.body) == (200, b"aaaaaa")


async def test_more_calls_than_allowed_are_told_to_come_back(start_edge: StartEdge) -> None:
    go_on = asyncio.Event()

    async def respond(_request: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response()

    async with start_edge(limits={"requests": 2}) as edge:
        edge.upstream.respond = respond
        calls = [asyncio.create_task(edge.call()) for _ in range(2)]
        await eventually(lambda: len(edge.upstream.seen) == 2, "two calls are at the upstream")
        assert (await edge.call()).status == 503
        go_on.set()
        assert [reply.status for reply in await asyncio.gather(*calls)] == [200, 200]
        assert (await edge.call()).status == 200


async def raw(edge: Edge, *pieces: str) -> bytes:
    """The head of the reply to what is sent as it is, piece by piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    for piece in pieces:
        writer.write(piece.encode("latin-1"))
        await writer.drain()
        await asyncio.sleep(0.05)  # so that they arrive as pieces
    async with asyncio.timeout(10):
        reply = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return reply


@pytest.mark.parametrize(
    "head",
    [
        "POST /create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n{auth}\r\n\r\n0\r\n\r\n",
        "POST /create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n{auth}\r\n\r\nabc",
        "GET http://127.0.0.1:9/elsewhere HTTP/1.1\r\nHost: x\r\n{auth}\r\nConnection: close\r\n\r\n",
        "CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n{auth}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {long}\r\n\r\n",
        "GET /{long} HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
        "{long}\r\n\r\n",
    ],
)
async def test_what_is_no_proper_call_gets_a_4xx_and_the_proxy_lives(edge: Edge, head: str) -> None:
    authorization = f"Authorization: {edge.bearer()['Authorization']}"
    reply = await raw(edge, head.replace("{auth}", authorization).replace("{long}", "x" * 100_000))
    assert reply.split()[1].startswith(b"4"), reply[:100]
    assert edge.upstream.seen == []
    assert (await edge.call()).status == 200


@pytest.mark.parametrize("path", ["//127.0.0.1:9/x", "/@127.0.0.1:9/", "/../../x", "/%00", "/a?b=http://c/#d"])
async def test_a_strange_path_reaches_the_one_upstream_unchanged(edge: Edge, path: str) -> None:
    reply = await raw(edge, f"GET {path} HTTP/1.1\r\nHost: x\r\n{auth(edge)}\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200")
    assert edge.upstream.seen[0].raw_path == path.partition("#")[0]


def auth(edge: Edge) -> str:
    return f"Authorization: {edge.bearer()['Authorization']}"


async def test_no_part_of_a_token_is_ever_logged(start_edge: StartEdge, log_lines: Any, tmp_path: Path) -> None:
    """Whatever goes wrong: the canary is each of the three parts of each token that was sent."""
    sent: list[str] = []

    async def try_it(edge: Edge, token: str, **options: Any) -> None:
        sent.append(token)
        await edge.call(headers={"Authorization": f"Bearer {token}"}, **options)

    async with start_edge(pass_authorization=True) as edge:
        issuer = edge.issuer
        good = issuer.token()
        await try_it(edge, good)
        await try_it(edge, issuer.token(), method="GET", path="/?access_token=" + good)
        for claims in ({"exp": 1}, {"aud": "x"}, {"wlcg.groups": None}, {"iss": "https://other/"}, {"sub": None}):
            await try_it(edge, issuer.token(**claims))
        await try_it(edge, good[:-10])
        await try_it(edge, good + ".a.b")
        await try_it(edge, issuer.token(header={"kid": "unknown"}))
        await try_it(edge, forger(issuer.url).token())
        await try_it(edge, issuer.token(filler="y" * 5_000))
        await try_it(edge, issuer.token(filler="y" * 20_000))
        sent.append(half := issuer.token())
        # no HTTP at all, broken off in the middle of the token: nothing before it says that it is one
        await raw(edge, f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {half[:100]}", f"{half[100:]}\0\r\n\r\n")
        (tmp_path / "upstream.sock").unlink()
        await try_it(edge, issuer.token())
    lines = log_lines()
    assert {"request.denied", "upstream.failed"} <= {line["event"] for line in lines}
    text = json.dumps(lines)
    pieces = [piece for token in sent for piece in token.split(".")]
    leaked = [piece for piece in pieces if len(piece) > 20 and (piece[:20] in text or piece[-20:] in text)]
    assert leaked == []


async def test_followed_logs_take_no_places_from_other_calls(start_edge: StartEdge) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        if request.path != "/getLogs":
            return await echo(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await asyncio.sleep(60)
        return response

    async with start_edge(limits={"requests": 1, "streams": 2}) as edge, contextlib.AsyncExitStack() as followed:
        edge.upstream.respond = respond
        calls = [edge.session.get(edge.url + "/getLogs", headers=edge.bearer()) for _ in range(2)]
        for call in calls:
            response = await followed.enter_async_context(call)
            assert await response.content.readany() == b"first\n"
        assert (await edge.call(data=b"x")).body == b"x"
        further = await edge.call("GET", "/getLogs")
        assert (further.status, further.headers.get("Retry-After")) == (503, "2")
        assert (await edge.call("POST", "/getLogs")).status == 502
        response.close()

        async def one_more() -> bool:
            async with edge.session.get(edge.url + "/getLogs", headers=edge.bearer()) as reply:
                return reply.status == 200

        async with asyncio.timeout(20):
            while not await one_more():
                await asyncio.sleep(0.02)
