"""Answers that no API server gives, but that something in between may, end no loop."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

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


async def test_objects_without_anything_in_them_end_no_loop(tmp_path: Path) -> None:
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
    async with between(nothing) as there, asyncio.timeout(30):
        kubeconfig = {
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": there.url}}],
            "users": [{"name": "it", "user": {"token": "x"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
        running = asyncio.create_task(serve(Settings.model_validate(settings), stop))
        while any(failures(loop) == count for loop, count in before.items()):
            assert not running.done(), running.result()
            await asyncio.sleep(0.02)
        stop.set()
        await running
