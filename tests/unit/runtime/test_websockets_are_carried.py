"""WebSockets in between: what one end has said reaches the other, whoever leaves first and however slowly it is read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from service_runtime import websockets
from service_runtime.websockets import LINGER_SECONDS, carry

from tests.fakes.served import served

PIECES = 400
"""Of PIECE bytes each: far more than all buffers between two ends hold."""
PIECE = 32 * 1024

Handler = Callable[[web.WebSocketResponse], Coroutine[Any, Any, None]]


class Reader(web.WebSocketResponse):
    """The caller's end in between; nothing is taken there while the caller doesn't read."""

    def __init__(self, reads: asyncio.Event) -> None:
        super().__init__(compress=False, timeout=LINGER_SECONDS)
        self._reads = reads

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        await self._reads.wait()
        await super().send_bytes(data, compress)


class Between:
    """What carries, and whether it has ended."""

    def __init__(self, upstream: str) -> None:
        self.reads = asyncio.Event()
        self.began, self.ended = asyncio.Event(), asyncio.Event()
        self.upstream: aiohttp.ClientWebSocketResponse | None = None
        self._url = upstream

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = Reader(self.reads)
        await socket.prepare(request)
        async with aiohttp.ClientSession() as session, session.ws_connect(self._url, max_msg_size=0) as self.upstream:
            self.began.set()
            await carry(socket, self.upstream)
        self.ended.set()
        return socket


def application(handle: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_get("/", handle)
    return app


@contextlib.asynccontextmanager
async def carried(
    upstream: Handler, *, reads: bool = True
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Between]]:
    """A caller's WebSocket to what carries to an upstream that behaves like this."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, timeout=LINGER_SECONDS)
        await socket.prepare(request)
        await upstream(socket)
        return socket

    async with served(application(handle)) as behind:
        between = Between(behind)
        if reads:
            between.reads.set()
        async with (
            served(application(between.handle)) as url,
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0) as socket,
        ):
            await between.began.wait()
            yield socket, between


def numbered(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(PIECE)


async def say_much_and_close(socket: web.WebSocketResponse) -> None:
    for number in range(PIECES):
        await socket.send_bytes(numbered(number))
    await socket.close(code=4001, message=b"that was all")


@pytest.fixture
def in_vain(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """That something was said to an upstream that has left."""
    said = asyncio.Event()
    for name in ("ping", "send_bytes"):
        original = getattr(aiohttp.ClientWebSocketResponse, name)

        async def tried(*arguments: Any, original: Any = original) -> None:
            try:
                await original(*arguments)
            except ConnectionError:
                said.set()
                raise

        monkeypatch.setattr(aiohttp.ClientWebSocketResponse, name, tried)
    return said


@pytest.mark.parametrize(("pause", "words"), [(0.01, b""), (1000, b"x")], ids=["pinged", "talking"])
async def test_who_reads_slowly_gets_the_last_words_of_one_who_has_left(
    monkeypatch: pytest.MonkeyPatch, in_vain: asyncio.Event, pause: float, words: bytes
) -> None:
    monkeypatch.setattr(websockets, "PING_SECONDS", pause)

    async def say_and_leave(socket: web.WebSocketResponse) -> None:
        for number in range(3):
            await socket.send_bytes(numbered(number))
        await socket.close(code=4001)

    async with carried(say_and_leave, reads=False) as (caller, between), asyncio.timeout(20):
        assert between.upstream is not None
        while len(between.upstream._reader._buffer) < 3:  # the last two and the close: the first is under way
            await asyncio.sleep(0.01)
        hang_up(between.upstream)
        if words:
            await caller.send_bytes(words)
        await in_vain.wait()
        between.reads.set()
        assert [await caller.receive_bytes() for _ in range(3)] == [numbered(number) for number in range(3)]
        assert (await caller.receive()).data == 4001


def hang_up(socket: aiohttp.ClientWebSocketResponse) -> None:
    """End the connection without a word."""
    connection = socket._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.abort()


async def test_a_close_comes_last_and_keeps_its_code_and_reason() -> None:
    async with carried(say_much_and_close) as (caller, _), asyncio.timeout(20):
        for number in range(PIECES):
            assert await caller.receive_bytes() == numbered(number)
        message = await caller.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "that was all")


async def test_who_breaks_off_ends_both_although_the_other_end_says_nothing() -> None:
    left = asyncio.Event()

    async def listen(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            pass
        left.set()

    async with carried(listen) as (caller, between):
        await caller.send_bytes(b"x")
        hang_up(caller)
        async with asyncio.timeout(20):
            await left.wait()
            await between.ended.wait()


async def test_who_breaks_off_is_noticed_although_the_other_end_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "PING_SECONDS", 0.02)
    monkeypatch.setattr(websockets, "LINGER_SECONDS", 0.2)
    end = asyncio.Event()

    async def ignore(_socket: web.WebSocketResponse) -> None:
        await end.wait()

    async with carried(ignore) as (caller, between):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):  # until all buffers are full
                while True:
                    await caller.send_bytes(bytes(PIECE))
        hang_up(caller)
        async with asyncio.timeout(20):
            await between.ended.wait()
        end.set()
