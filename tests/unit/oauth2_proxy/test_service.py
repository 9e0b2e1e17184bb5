"""The service as it is run: over TLS, with its metrics and readiness, from a file, until it is told to stop."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from oauth2_proxy.app import serve
from oauth2_proxy.model.settings import Settings
from service_runtime.listen import Listen, serve_app

from tests.fakes.certificates import Authority
from tests.fakes.issuer import FakeIssuer, running
from tests.unit.oauth2_proxy.conftest import Upstream


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(settings, stop))
        try:
            yield
        finally:
            stop.set()


async def get(session: aiohttp.ClientSession, url: str, **options: Any) -> tuple[int, str]:
    """GET until somebody answers."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with session.get(url, **options) as response:
                    return response.status, await response.text()
            await asyncio.sleep(0.02)


async def test_the_whole_chain_over_tls(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    files = authority.server(tmp_path)
    port, metrics = free_port(), free_port()
    upstream = Upstream()
    async with (
        running(FakeIssuer(mode="fail"), files) as issuer,
        serve_app(upstream.app(), Listen.parse(f"unix://{tmp_path}/up.sock")),
    ):
        trusted = {"issuer": issuer.url, "ca_file": authority.file, "audiences": ["edge"], "allow": "anyone"}
        settings = Settings.model_validate(
            {
                "listen": f"https://127.0.0.1:{port}",
                "tls": files.model_dump(),
                "upstream": f"unix://{tmp_path}/up.sock",
                "issuers": [trusted],
                "metrics": f"127.0.0.1:{metrics}",
                "keys": {"refresh": 0.2, "pause": 0.1},
            }
        )
        context = ssl.create_default_context(cafile=str(authority.file))
        async with serving(settings), aiohttp.ClientSession() as session:
            status, text = await get(session, f"http://127.0.0.1:{metrics}/readyz")
            assert status == 503
            assert issuer.url in text
            issuer.mode = "ok"
            async with asyncio.timeout(10):
                while (await get(session, f"http://127.0.0.1:{metrics}/readyz"))[0] != 200:
                    await asyncio.sleep(0.05)
            headers = {"Authorization": f"Bearer {issuer.token()}"}
            assert await get(session, f"https://localhost:{port}/x", headers=headers, ssl=context) == (200, "")
            assert upstream.seen[0].headers["X-Forwarded-Proto"] == "https"
            assert (await get(session, f"https://localhost:{port}/x", ssl=context))[0] == 401
            _, text = await get(session, f"http://127.0.0.1:{metrics}/metrics")
            assert f'oauth2_proxy_keys_last_success_timestamp_seconds{{issuer="{issuer.url}"}}' in text
            assert 'oauth2_proxy_requests_total{outcome="missing"}' in text


@pytest.mark.parametrize(("broken", "code", "words"), [(False, 0, "is fine"), (True, 2, "issuers: required")])
def test_check_reads_the_file_and_ends(tmp_path: Path, broken: bool, code: int, words: str) -> None:
    issuer = {"issuer": "https://iam.example/", "audiences": ["edge"], "allow": "anyone"}
    content = {"listen": "unix:///a.sock", "upstream": "unix:///b.sock"} | ({} if broken else {"issuers": [issuer]})
    (tmp_path / "proxy.yaml").write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [sys.executable, "-m", "oauth2_proxy", "--config", str(tmp_path / "proxy.yaml"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    assert words in done.stdout + done.stderr
