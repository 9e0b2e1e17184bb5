"""How long a WebSocket message of `kubectl exec` may be: as long as a kubelet takes it, and a longer one ends the session alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from interlink.protocol.exec import STDIN, TerminalSize
from structlog.testing import capture_logs
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.commands import LONGEST_MESSAGE, Commands
from virtual_kubelet.io.websocket_streams import V5

from tests.fakes.served import served
from tests.unit.vk.pods import container, pod

EXEC = "/exec/ns/p/a?input=1&output=1&command=cat"


class Command:
    """A command that reads all and writes nothing."""

    status = None

    def __init__(self) -> None:
        self.read = 0
        self.got = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.read += len(data)
        self.got.set()

    async def eof(self) -> None: ...

    async def resize(self, _size: TerminalSize) -> None: ...

    async def pieces(self) -> AsyncIterator[tuple[int, bytes]]:
        await asyncio.Event().wait()
        yield 0, b""

    async def keep_alive(self) -> None:
        await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def exec(self, _wanted: Any) -> AsyncIterator["Command"]:
        yield self


@pytest.fixture
def command() -> Command:
    return Command()


@pytest.fixture
async def caller(command: Command) -> AsyncIterator[Any]:
    registry = Registry()
    registry.seen(pod([container("a")]))
    site: Any = command
    app = web.Application()
    app.router.add_get("/exec/{namespace}/{pod}/{container}", Commands(registry, site).handle)
    async with served(app) as url, aiohttp.ClientSession(url) as client:
        yield client


async def test_a_long_message_is_input_like_any_other(caller: Any, command: Command) -> None:
    data = bytes(LONGEST_MESSAGE - 2)
    async with caller.ws_connect(EXEC, protocols=[V5]) as socket:
        await socket.send_bytes(bytes([STDIN]) + data)
        async with asyncio.timeout(30):
            await command.got.wait()
    assert command.read == len(data)


async def test_a_longer_one_ends_the_session(caller: Any, command: Command) -> None:
    with capture_logs() as logs:
        async with caller.ws_connect(EXEC, protocols=[V5]) as socket, asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):  # it is hung up on before it has said all
                await socket.send_bytes(bytes([STDIN]) + bytes(LONGEST_MESSAGE))
            while not (told := [entry["error"] for entry in logs if entry["event"] == "exec.caller_gone"]):
                await asyncio.sleep(0.01)
    assert "exceeds limit" in told[0]
    assert command.read == 0
