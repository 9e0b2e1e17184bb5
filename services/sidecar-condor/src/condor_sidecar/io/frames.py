"""Messages on a pipe: four bytes of length, then MessagePack. One format for both ends of a worker's pipes."""

import asyncio
from typing import Any, BinaryIO

import msgspec

MAX_FRAME = 1 << 30

_encoder = msgspec.msgpack.Encoder()


def frame(message: Any) -> bytes:
    """`message` as it goes over the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message's bytes, None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return body if len(body) == size else None


async def receive_frame(reader: asyncio.StreamReader) -> bytes:
    """The next message's bytes. Raises asyncio.IncompleteReadError at the end of the stream."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > MAX_FRAME:
        raise ValueError(f"a worker announced a message of {size} bytes")
    return await reader.readexactly(size)
