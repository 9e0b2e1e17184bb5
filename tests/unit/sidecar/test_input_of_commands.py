"""What a caller of `kubectl exec` sends is held only as far as it was granted."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMessage, WSMsgType
from condor_sidecar.app.exec import BadRequest, _Input
from interlink.protocol.exec import CLOSE, STDIN, WINDOW


class Caller:
    """A WebSocket that brings these messages."""

    def __init__(self, *messages: bytes) -> None:
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[WSMessage]:
        for data in self._messages:
            yield WSMessage(WSMsgType.BINARY, data, "")


async def held(*messages: bytes) -> int:
    """How much waits for the command when all of them have come."""
    taken = _Input(Caller(*messages), None)  # type: ignore[arg-type]
    await taken.take()
    return taken._waiting.qsize()


async def test_messages_without_input_pile_nothing_up() -> None:
    assert await held(*[bytes([STDIN])] * 1000) == 0


async def test_input_ends_once_and_nothing_comes_after_it() -> None:
    end = bytes([CLOSE, STDIN])
    assert await held(bytes([STDIN]) + b"x", end, end, bytes([STDIN]) + b"y", end) == 2


async def test_more_than_was_granted_is_refused() -> None:
    with pytest.raises(BadRequest, match="without being granted"):
        await held(bytes([STDIN]) + b"x" * (WINDOW + 1))
