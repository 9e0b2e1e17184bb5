"""A relay on a real socket, with the hands of a listener and a dialler: no client of ours is in between."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from prometheus_client import REGISTRY

from tests.fakes.relay_member import Member
from tests.fakes.relay_member import member as running_member

SECONDS = 20


@dataclass
class Reply:
    """What a call was answered, and the stream if there is one."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body.get("error", "")

    async def read(self, count: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), SECONDS)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), SECONDS)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), SECONDS)


@dataclass
class Hands:
    """Calls one relay."""

    member: Member
    session: aiohttp.ClientSession
    opened: list[asyncio.StreamWriter]

    @property
    def context(self) -> ssl.SSLContext | None:
        authority = self.member.authority
        return ssl.create_default_context(cafile=str(authority.file)) if authority else None

    async def get(self, path: str, ticket: str | None, **headers: str) -> Reply:
        """Any call; headers that are given as "" are left out."""
        parts = urlsplit(self.member.url)
        assert parts.hostname
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=self.context)
        self.opened.append(writer)
        wanted = {
            "Host": parts.netloc,
            "Authorization": f"Bearer {ticket}" if ticket is not None else "",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items() if value), "", ""]
        writer.write("\r\n".join(lines).encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)).decode()
        first, *rest = head.split("\r\n")
        found = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in rest if ":" in line}
        length = int(found.get("content-length", 0))
        body = json.loads(await asyncio.wait_for(reader.readexactly(length), SECONDS)) if length else {}
        return Reply(int(first.split()[1]), body, found, reader, writer)

    @contextlib.asynccontextmanager
    async def listening(
        self, name: str = "w1", ticket: str | None = None, prefix: str = ""
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A listener's control connection; on leaving, it says that it goes for good."""
        shown = ticket or self.member.ticket("listen")
        headers = {"Authorization": f"Bearer {shown}"}
        url = f"{self.member.url}{prefix}/v1/listen/{name}"
        async with self.session.ws_connect(url, headers=headers, ssl=self.context or True) as control:
            yield control

    async def told(self, control: aiohttp.ClientWebSocketResponse) -> str:
        """The token of the next call."""
        return str((await control.receive_json(timeout=SECONDS))["call"])

    async def stream(
        self, control: aiohttp.ClientWebSocketResponse, name: str = "w1", cluster: str = "c1", user: str = "mario"
    ) -> tuple[Reply, Reply]:
        """A stream to the listener `name`: the dialler's end and the listener's."""
        dial = asyncio.create_task(self.get(f"/v1/dial/{name}", self.member.ticket("dial", cluster, user)))
        token = await self.told(control)
        accepted = await self.get(f"/v1/accept/{token}", self.member.ticket("listen", cluster, user))
        dialled = await dial
        assert (dialled.status, accepted.status) == (101, 101), (dialled.body, accepted.body)
        return dialled, accepted


StartHands = Callable[..., contextlib.AbstractAsyncContextManager[Hands]]


@pytest.fixture
def start_hands(tmp_path: Path) -> StartHands:
    """Start a relay; keyword arguments are settings."""

    @contextlib.asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Hands]:
        async with (
            running_member(tmp_path, **changes) as member,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            hands = Hands(member, session, [])
            yield hands
            for writer in hands.opened:
                writer.close()

    return start


@pytest.fixture
async def hands(start_hands: StartHands) -> AsyncIterator[Hands]:
    async with start_hands() as started:
        yield started


def metric(name: str, **labels: str) -> float:
    """The value of one of the process's metrics."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
