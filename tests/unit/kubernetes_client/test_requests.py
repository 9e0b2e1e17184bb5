"""What comes of a request, whatever answers it: an object, or an ApiError that says how much is known."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from kubernetes_client import api as api_module
from kubernetes_client.answer import ApiError
from kubernetes_client.api import APPLY, ApiServer
from prometheus_client import CollectorRegistry

from tests.fakes.between import Between, in_turn

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


async def test_a_request_says_who_asks_for_what(api: ApiServer, there: Between) -> None:
    headers: list[str | None] = []

    def answer(request: web.Request) -> web.Response:
        headers.extend([request.headers.get("User-Agent"), request.headers.get("Content-Type")])
        return web.json_response({})

    there.answer = answer
    await api.patch("/api/v1/namespaces/x/secrets/y", {"kind": "Secret"}, APPLY, fieldManager="me", force="true")
    assert headers == ["tester", "application/apply-patch+yaml"]
    assert there.asked[0].path_qs == "/api/v1/namespaces/x/secrets/y?fieldManager=me&force=true"


@pytest.mark.parametrize("wait", [DATE, "soon", "-1", "nan", ""])
async def test_too_many_requests_are_waited_out_whatever_the_wait_is_written_as(
    api: ApiServer, there: Between, wait: str
) -> None:
    there.answer = in_turn(web.Response(status=429, headers={"Retry-After": wait}), web.Response(text='{"a": 1}'))
    assert await api.get("/x") == {"a": 1}


async def test_a_server_that_stays_busy_is_not_asked_for_ever(api: ApiServer, there: Between) -> None:
    there.answer = lambda _request: web.Response(status=429)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert (caught.value.status, caught.value.away, len(there.asked)) == (429, True, 4)


@pytest.mark.parametrize("text", [b"", b"<html>login</html>", b"\xff", b"[]", b"null", b"3", b"[" * 100_000])
async def test_a_success_that_is_no_object_is_an_api_error(api: ApiServer, there: Between, text: bytes) -> None:
    there.answer = lambda _request: web.Response(body=text)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.status == 0


@pytest.mark.parametrize("text", [b"<html>", b"\xff", b"[]", b"[" * 100_000])
async def test_a_refusal_without_a_status_object_keeps_its_status(api: ApiServer, there: Between, text: bytes) -> None:
    there.answer = lambda _request: web.Response(status=502, body=text)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert (caught.value.status, caught.value.away) == (502, True)


async def test_a_refusal_is_told_in_the_api_servers_words(api: ApiServer, there: Between) -> None:
    said = {"kind": "Status", "reason": "NotFound", "message": 'pods "y" not found'}
    there.answer = lambda _request: web.json_response(said, status=404)
    with pytest.raises(ApiError, match=r'^404 NotFound: pods "y" not found$') as caught:
        await api.get("/x")
    assert (caught.value.absent, caught.value.conflict, caught.value.away) == (True, False, False)


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/api/v1/namespaces/x/pods/y/status", "pods/status"),
        ("/api/v1/namespaces/x/secrets", "secrets"),
        ("/api/v1/nodes/n", "nodes"),
        ("/api/v1/namespaces", "namespaces"),
        ("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n", "leases"),
        ("/version", "/version"),
    ],
)
async def test_requests_are_counted_without_names(
    api: ApiServer, there: Between, registry: CollectorRegistry, path: str, resource: str
) -> None:
    there.answer = lambda _request: web.json_response({})
    await api.get(path)
    labels = {"method": "GET", "resource": resource, "status": "200"}
    assert registry.get_sample_value("requests_total", labels) == 1
    assert registry.get_sample_value("seconds_count", {"method": "GET"}) == 1


async def test_a_request_without_an_answer_is_counted_too(
    api: ApiServer, there: Between, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "_DEADLINES", aiohttp.ClientTimeout(total=0.1))
    with pytest.raises(ApiError) as caught:
        await api.get("/version")
    assert (caught.value.status, caught.value.away) == (0, True)
    labels = {"method": "GET", "resource": "/version", "status": "0"}
    assert registry.get_sample_value("requests_total", labels) == 1


async def test_lines_are_whole_however_they_arrive(api: ApiServer, there: Between) -> None:
    there.answer = lambda _request: web.Response(body=b"one\n\n" + b"x" * 500_000 + b"\nhalf")
    assert [line async for line in api.lines("/log", 10)] == [b"one", b"x" * 500_000]


async def test_a_stream_that_was_refused_is_an_api_error(api: ApiServer, there: Between) -> None:
    there.answer = lambda _request: web.json_response({"message": "waiting to start"}, status=400)
    with pytest.raises(ApiError, match="waiting to start"):
        [chunk async for chunk in api.stream("/log", 10)]


@pytest.mark.parametrize(("idle", "total"), [(0.1, None), (60.0, 0.1)])
async def test_a_stream_has_an_end_though_nothing_comes(api: ApiServer, idle: float, total: float | None) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(ApiError) as caught:
            [chunk async for chunk in api.stream("/log", idle, total)]
    assert caught.value.status == 0
