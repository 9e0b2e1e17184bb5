"""An API server in front of a recording plugin, both on real sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from interlink.server.handlers import ApiServer
from interlink.server.plugin import Plugin
from interlink.server.settings import ServerSettings
from service_runtime.http_client import HttpClient
from service_runtime.listen import Listen, serve_app

from tests.fakes.interlink_plugin import FakePlugin


@dataclass
class Chain:
    plugin: FakePlugin
    url: str
    client: HttpClient
    settings: ServerSettings


@pytest.fixture
def server_options() -> dict[str, object]:
    """Overridden by tests that need other settings."""
    return {}


@pytest.fixture
async def chain(tmp_path: Path, server_options: dict[str, object]) -> AsyncIterator[Chain]:
    socket = f"unix://{tmp_path}/plugin.sock"
    options = {"InterlinkAddress": "http://127.0.0.1", "InterlinkPort": "1", "SidecarURL": socket, **server_options}
    settings = ServerSettings.model_validate(options)
    fake = FakePlugin()
    async with (
        serve_app(fake.app(), Listen.parse(socket), drain_seconds=0.1),
        Plugin(settings.plugin_url(), settings.CreateFormat, settings.StatusBatch) as plugin,
        serve_app(
            ApiServer(settings, plugin).application(), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1
        ) as bound,
    ):
        assert bound is not None
        url = f"http://{bound[0]}:{bound[1]}"
        async with HttpClient(url) as client:
            yield Chain(fake, url, client, settings)
