"""Answers that no API server gives, but that something in between may: they are errors, and end nothing."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration
from prometheus_client import REGISTRY
from virtual_kubelet.app import serve
from virtual_kubelet.io.api import ApiError, ApiServer
from virtual_kubelet.settings import Settings

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
Answers = Callable[[web.Request], web.Response]


class Between:
    """What answers at the API server's address."""

    def __init__(self) -> None:
        self.answer: Answers = lambda _request: web.Response(text="{}")
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return self.answer(request)


@pytest.fixture
async def between() -> Between:
    return Between()


@pytest.fixture
async def url(between: Between) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", between.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def api(url: str) -> AsyncIterator[ApiServer]:
    configuration = Configuration()
    configuration.host = url
    async with ApiServer(configuration) as made:
        yield made


@pytest.mark.parametrize("wait", [DATE, "soon", "-1", "nan", ""])
async def test_too_many_requests_are_waited_out_whatever_the_wait_is_written_as(
    api: ApiServer, between: Between, wait: str
) -> None:
    answers = iter([web.Response(status=429, headers={"Retry-After": wait}), web.Response(text='{"a": 1}')])
    between.answer = lambda _request: next(answers)
    assert await api.get("/x") == {"a": 1}


@pytest.mark.parametrize("text", [b"", b"<html>login</html>", b"\xff", b"[]", b"null", b"3", b"[" * 100_000])
async def test_a_success_that_is_no_object_is_an_api_error(api: ApiServer, between: Between, text: bytes) -> None:
    between.answer = lambda _request: web.Response(body=text)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.status == 0


@pytest.mark.parametrize("text", [b"<html>", b"\xff", b"[]", b"[" * 100_000])
async def test_a_refusal_without_a_status_object_keeps_its_status(
    api: ApiServer, between: Between, text: bytes
) -> None:
    between.answer = lambda _request: web.Response(status=502, body=text)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.status == 502


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def failures(loop: str) -> float:
    return REGISTRY.get_sample_value("virtual_kubelet_loop_failures_total", {"loop": loop}) or 0.0


async def test_objects_without_anything_in_them_end_no_loop(url: str, between: Between, tmp_path: Path) -> None:
    between.answer = lambda request: web.json_response({"gitVersion": "v1"} if request.path == "/version" else {})
    kubeconfig = {
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": {"token": "x"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    settings: dict[str, Any] = {
        "NodeName": "node",
        "Kubeconfig": tmp_path / "kubeconfig",
        "KubeletURL": "127.0.0.1",
        "KubeletPort": free_port(),
        "MetricsAddress": "127.0.0.1:0",
        "InterlinkURL": f"unix://{tmp_path}/nobody.sock",
    }
    before = {loop: failures(loop) for loop in ("node", "watch")}
    stop = asyncio.Event()
    running = asyncio.create_task(serve(Settings.model_validate(settings), stop))
    async with asyncio.timeout(30):
        while any(failures(loop) == count for loop, count in before.items()):
            assert not running.done(), running.result()
            await asyncio.sleep(0.02)
        stop.set()
        await running
