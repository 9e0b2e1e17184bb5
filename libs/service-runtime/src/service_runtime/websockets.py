"""WebSockets that one service passes on to another, message by message.

A message is read only when the one before it was written: a slow reader at one end stands the writer at the other end still, and
nothing piles up in between. What was read is delivered, also when the end that said it has left long since.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMessage, WSMsgType

PING_SECONDS = 20.0
LINGER_SECONDS = 600.0
"""How long the last words for an end may wait for it to read them: its close time-out, too (somebody pages through them)."""
LONGEST_REASON = 123  # bytes that a close message has room for
NOT_SENT = frozenset((WSCloseCode.ABNORMAL_CLOSURE, 1005))  # codes that say that there was none

End = tuple[int, bytes]
"""Code and reason of a close."""
BROKEN: End = (WSCloseCode.GOING_AWAY, b"the other end is gone")


class Socket(Protocol):
    """What aiohttp's WebSockets have in common, at the server and at the client."""

    async def receive(self, timeout: float | None = None) -> WSMessage: ...  # noqa: ASYNC109 - aiohttp's

    async def send_str(self, data: str) -> None: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def ping(self, message: bytes = b"") -> None: ...

    async def pong(self, message: bytes = b"") -> None: ...

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"") -> bool: ...


async def carry(one: Socket, other: Socket) -> None:
    """Pass messages both ways until one end closes or is gone; then close the other with the same code and reason."""
    code, reason = await _first_end(_to_living(one, other), _to_living(other, one))
    await asyncio.gather(*(socket.close(code=code, message=reason) for socket in (one, other)))


async def both_ways(one: Socket, other: Socket, passed: Callable[[], None]) -> End:
    """Pass messages both ways until one end has left; how it left. `passed` is told of each message.

    Sends no pings of its own; those of the ends are passed on where the sockets don't answer them.
    """
    return await _first_end(_pass_on(one, other, passed), _pass_on(other, one, passed))


async def _first_end(*directions: Coroutine[Any, Any, End]) -> End:
    """How the first end left, when all that it had said is delivered.

    That an end takes no more is no reason to stop: what it had said may still be on its way to the other, who reads slowly.
    """
    waiting = {asyncio.ensure_future(direction) for direction in directions}
    linger: float | None = None
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=linger, return_when=asyncio.FIRST_COMPLETED)
            ends = [task.result() for task in done if not isinstance(task.exception(), ConnectionError | RuntimeError)]
            if ends or not done:
                return next(iter(ends), BROKEN)
            linger = LINGER_SECONDS
    finally:
        await _put_away(waiting)
    return BROKEN


async def _to_living(source: Socket, sink: Socket) -> End:
    """One direction, which breaks as well when a ping finds the sink gone. Raises ConnectionError or RuntimeError."""
    end: End | None = await first_of(_pass_on(source, sink), keep_alive(sink))
    if end is None:
        raise ConnectionResetError("it answers no ping")
    return end


async def first_of(*coroutines: Coroutine[Any, Any, Any]) -> Any:
    """Run them beside each other until the first one ends, cancel the others; its result, or what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _put_away(tasks)
    return next(task for task in tasks if task in done).result()


async def keep_alive(socket: Socket) -> None:
    """Ping now and then until the other end is gone.

    Proxies on the way cut what is silent, and whose messages nobody reads just now is found to be gone by writing alone.
    """
    while True:
        await asyncio.sleep(PING_SECONDS)
        try:
            await socket.ping()
        except (ConnectionError, RuntimeError):
            return


async def _put_away(tasks: Collection[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(source: Socket, sink: Socket, passed: Callable[[], None] = lambda: None) -> End:
    """Until the source ends. Raises ConnectionError or RuntimeError when the sink takes no more."""
    while True:
        message = await source.receive()
        match message.type:
            case WSMsgType.TEXT:
                await sink.send_str(message.data)
            case WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            case WSMsgType.PING:  # they come this far only where the socket doesn't answer them by itself
                await sink.ping(message.data)
            case WSMsgType.PONG:
                await sink.pong(message.data)
            case _:
                return _told(message)
        passed()


def _told(message: WSMessage) -> End:
    if message.type is not WSMsgType.CLOSE or not message.data or message.data in NOT_SENT:
        return BROKEN
    reason = message.extra if isinstance(message.extra, str) else ""
    return message.data, reason.encode()[:LONGEST_REASON]
