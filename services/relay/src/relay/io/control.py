"""The control connection of a listener: calls go out on it, and nothing comes in but answers to pings."""

import asyncio
import contextlib
from enum import IntEnum

from aiohttp import WSMsgType, web

SEND_SECONDS = 5.0
LONGEST_MESSAGE = 1024


class Close(IntEnum):
    """Why a control connection is closed (RFC 6455, 7.4): a listener acts on it."""

    DONE = 1000
    UNASKED = 1008
    """The listener sent something."""
    RESTART = 1012
    """This relay ends: connect again until there is another."""
    EXPIRED = 4001
    """The ticket has: connect again with a new one."""
    REPLACED = 4002
    """Another listener has taken the id: do not connect again."""


class Control:
    """One listener's connection."""

    def __init__(self, ping: float) -> None:
        # aiohttp gives up a peer that has answered no ping for half of `heartbeat`
        self._socket = web.WebSocketResponse(
            heartbeat=ping, compress=False, max_msg_size=LONGEST_MESSAGE, timeout=SEND_SECONDS
        )
        self._closing: set[asyncio.Task[bool]] = set()

    async def open(self, request: web.Request) -> web.StreamResponse:
        await self._socket.prepare(request)
        return self._socket

    async def call(self, token: str) -> bool:
        """Tell the listener to dial back with `token`; False if it can't be told, and then it has to come back first."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_json({"call": token})
        except (TimeoutError, ConnectionError, RuntimeError):
            self.close(Close.RESTART)
            return False
        return True

    async def stay(self) -> bool:
        """Until the connection ends; whether the listener ended it on purpose."""
        message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            await self._socket.close(code=Close.UNASKED, message=b"nothing is read here")
            return False
        return message.type is WSMsgType.CLOSE and message.data == Close.DONE

    def close(self, why: Close) -> None:
        """Close without waiting: who is told may be dead."""
        with contextlib.suppress(RuntimeError):
            task = asyncio.ensure_future(self._socket.close(code=why))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
