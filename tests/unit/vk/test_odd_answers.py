"""Answers that no API server gives, but that something in between may, end no loop."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import REGISTRY
from virtual_kubelet.app import serve
from virtual_kubelet.settings import Settings

from tests.fakes.between import between


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def failures(loop: str) -> float:
    return REGISTRY.get_sample_value("virtual_kubelet_loop_failures_total", {"loop": loop}) or 0.0


def nothing(request: web.Request) -> web.Response:
    return web.json_response({"gitVersion": "v1"} if request.path == "/version" else {})


def settings(folder: Path, api: str) -> Settings:
    kubeconfig = {
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": api}}],
        "users": [{"name": "it", "user": {"token": "x"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    written: dict[str, Any] = {
        "NodeName": "node",
        "Kubeconfig": folder / "kubeconfig",
        "KubeletURL": "127.0.0.1",
        "KubeletPort": free_port(),
        "MetricsAddress": f"127.0.0.1:{free_port()}",
        "InterlinkURL": f"unix://{folder}/nobody.sock",
    }
    return Settings.model_validate(written)


async def test_objects_without_anything_in_them_end_no_loop(tmp_path: Path) -> None:
    before = {loop: failures(loop) for loop in ("node", "watch")}
    stop = asyncio.Event()
    async with between(nothing) as there, asyncio.timeout(30):
        running = asyncio.create_task(serve(settings(tmp_path, there.url), stop))
        while any(failures(loop) == count for loop, count in before.items()):
            assert not running.done(), running.result()
            await asyncio.sleep(0.02)
        stop.set()
        await running


async def test_while_the_api_server_is_away_the_process_says_that_it_lives_and_waits(tmp_path: Path) -> None:
    asked, stop = asyncio.Event(), asyncio.Event()

    def away(_request: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=503)

    async with between(away) as there, asyncio.timeout(30), aiohttp.ClientSession() as probe:
        made = settings(tmp_path, there.url)
        running = asyncio.create_task(serve(made, stop))
        await asked.wait()
        async with probe.get(f"http://{made.metrics_address}/healthz") as alive:
            assert alive.status == 200
        async with probe.get(f"http://{made.metrics_address}/readyz") as ready:
            assert (ready.status, await ready.text()) == (503, "the API server does not answer\n")
        stop.set()
        await running
