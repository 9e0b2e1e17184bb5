"""Commands over a WebSocket, in each protocol that a kubelet speaks: what its own clients send, byte by byte."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType
from service_runtime import websockets
from virtual_kubelet.io import websocket_streams

from tests.contract.command_chain import Way, command_chain, until
from tests.contract.node_port import Everybody, node_port

Socket = aiohttp.ClientWebSocketResponse
V5, V4, V4_TEXT, FIRST, FIRST_TEXT = websocket_streams.PROTOCOLS
NONE = None
ALL = [V5, V4, V4_TEXT, FIRST, FIRST_TEXT, NONE]
OUTPUTS = {"output": "1", "error": "1"}


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with command_chain(tmp_path) as chain:
        yield chain


class Client:
    """One client; what is sent and read is channel and data."""

    def __init__(self, socket: Socket, protocol: str | None) -> None:
        self.socket = socket
        self._text = protocol in (V4_TEXT, FIRST_TEXT)

    async def send(self, channel: int, data: bytes) -> None:
        if self._text:
            await self.socket.send_str(f"{channel}{base64.b64encode(data).decode()}")
        else:
            await self.socket.send_bytes(bytes([channel]) + data)

    async def read(self) -> tuple[int, bytes] | None:
        message = await self.socket.receive(timeout=20)
        if message.type is WSMsgType.CLOSE:
            return None
        assert message.type is (WSMsgType.TEXT if self._text else WSMsgType.BINARY)
        if self._text:
            return int(message.data[0]), base64.b64decode(message.data[1:], validate=True)
        return message.data[0], message.data[1:]

    async def rest(self) -> list[tuple[int, bytes]]:
        found = []
        while (piece := await self.read()) is not None:
            found.append(piece)
        return found


@contextlib.asynccontextmanager
async def client(way: Way, protocol: str | None, *command: str, **query: str) -> AsyncIterator[Client]:
    async with node_port(way, Everybody()) as port, aiohttp.ClientSession() as session:
        asked = [*(("command", word) for word in command), *(query or OUTPUTS).items()]
        async with session.ws_connect(
            f"http://127.0.0.1:{port}/exec/ns/p/c",
            params=asked,
            protocols=[protocol] if protocol else [],
            headers={"Authorization": "Bearer token"},
        ) as socket:
            assert socket.protocol == protocol
            yield Client(socket, protocol)


@pytest.mark.parametrize("protocol", ALL)
async def test_outputs_come_on_their_channels_and_the_end_as_the_protocol_has_it(
    way: Way, protocol: str | None
) -> None:
    async with client(way, protocol, "say", "out", "err") as one:
        assert await one.read() == (1, b""), "all is ready"
        out, err, *end = await one.rest()
        assert (out, err) == ((1, b"out"), (2, b"err"))
        if protocol in (V5, V4, V4_TEXT):
            ((channel, status),) = end
            assert (channel, json.loads(status)["status"]) == (3, "Success")
        else:
            assert end == [], "before version 4 there is no word for a success"


@pytest.mark.parametrize("protocol", ALL)
async def test_an_exit_code_is_a_status_or_before_version_4_a_sentence(way: Way, protocol: str | None) -> None:
    async with client(way, protocol, "exit", "3") as one:
        _, (channel, word) = await one.rest()
        assert channel == 3
        told = json.loads(word)["message"] if protocol in (V5, V4, V4_TEXT) else word.decode()
        assert told == "command terminated with non-zero exit code: exit status 3"


@pytest.mark.parametrize("protocol", ALL)
async def test_input_goes_in_and_sizes_arrive(way: Way, protocol: str | None) -> None:
    async with client(way, protocol, "cat", input="1", output="1", tty="1") as one:
        await one.read()
        await one.send(4, b'{"Width":132,"Height":43}')
        await one.send(0, b"typed")
        assert await one.read() == (1, b"typed")
        await until(lambda: way.jobs.commands[0].sizes == [(132, 43)])
        if protocol == V5:
            await one.socket.send_bytes(bytes([255, 0]))
            ((_, status),) = await one.rest()
            assert json.loads(status)["status"] == "Success"


@pytest.mark.parametrize("protocol", [V4, V4_TEXT, NONE])
async def test_what_no_client_should_send_is_passed_over(way: Way, protocol: str | None) -> None:
    async with client(way, protocol, "cat", input="1", output="1") as one:
        await one.read()
        for odd in ("", "0not base64!" if protocol == V4_TEXT else "\x09x"):
            await one.socket.send_str(odd)
        await one.socket.send_bytes(bytes([255, 0]))  # an end of the input, but only in version 5
        await one.send(0, b"typed")
        assert await one.read() == (1, b"typed")


@pytest.mark.parametrize(
    ("query", "channel"), [({"input": "1"}, 3), ({"error": "1"}, 2), ({"error": "1", "output": "1"}, 1)]
)
async def test_that_all_is_ready_is_said_where_the_client_can_read_it(
    way: Way, query: dict[str, str], channel: int
) -> None:
    async with client(way, V4, "hang", **query) as one:
        assert await one.read() == (channel, b"")


async def test_a_client_whose_protocol_nobody_knows_is_told_which_there_are(way: Way) -> None:
    async with node_port(way, Everybody()) as port, aiohttp.ClientSession() as session:
        async with session.ws_connect(
            f"http://127.0.0.1:{port}/exec/ns/p/c?command=cat&output=1",
            protocols=["v9.channel.k8s.io"],
            headers={"Authorization": "Bearer token"},
        ) as socket:
            assert f"server accepts {V5}, {V4}" in (await socket.receive_bytes(timeout=20)).decode()


async def test_what_a_command_does_not_read_is_bounded_by_its_bytes_and_hides_nobody_s_leaving(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets, "PING_SECONDS", 0.1)
    async with client(way, V4, "hang", input="1", output="1") as one:
        sent = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                while sent < 256 << 20:
                    await one.send(0, bytes(3 << 20))
                    sent += 3 << 20
        connection = one.socket._response.connection
        assert connection is not None and connection.transport is not None
        connection.transport.abort()
        await asyncio.wait_for(way.jobs.commands[0].closed.wait(), 20)
    assert sent < 32 << 20, "what is on its way stands in the buffers of sockets, and a message or two here"
