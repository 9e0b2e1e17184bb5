"""WebSockets that one service passes on to another, message by message.

A message is read only when the one before it was written: a slow reader at one end stands the writer at the other end still, and
nothing piles up in between.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMessage, WSMsgType

PING_SECONDS = 20.0
LONGEST_REASON = 123  # bytes that a close message has room for
NOT_SENT = frozenset((WSCloseCode.ABNORMAL_CLOSURE, 1005))  # codes that say that there was none


class Socket(Protocol):
    """What aiohttp's WebSockets have in common, at the server and at the client."""

    @property
    def close_code(self) -> int | None: ...

    async def receive(self, timeout: float | None = None) -> WSMessage: ...  # noqa: ASYNC109 - aiohttp's

    async def send_str(self, data: str) -> None: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def ping(self) -> None: ...

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"") -> bool: ...


async def carry(one: Socket, other: Socket) -> None:
    """Pass messages both ways until one end closes or is gone; then close the other with the same code and reason."""
    ends = [_pass_on(one, other), _pass_on(other, one), keep_alive(one), keep_alive(other)]
    code, reason = await first_of(*ends) or (WSCloseCode.GOING_AWAY, b"the other end is gone")
    for socket in (one, other):
        await socket.close(code=code, message=reason)


async def first_of(*coroutines: Coroutine[Any, Any, Any]) -> Any:
    """Run them beside each other until the first one ends, cancel the others; its result, or what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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


async def _pass_on(source: Socket, sink: Socket) -> tuple[int, bytes] | None:
    """Until the source ends or the sink takes no more; the source's close code and reason, if it told one."""
    while True:
        message = await source.receive()
        try:
            if message.type is WSMsgType.TEXT:
                await sink.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            else:
                return _told(source, message)
        except (ConnectionError, RuntimeError):
            return None


def _told(source: Socket, message: WSMessage) -> tuple[int, bytes] | None:
    code = source.close_code
    if code is None or code in NOT_SENT or message.type is WSMsgType.ERROR:
        return None
    reason = message.extra if isinstance(message.extra, str) else ""
    return code, reason.encode()[:LONGEST_REASON]
