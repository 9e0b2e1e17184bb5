"""One job's connection: reads what the job says, in one task and with nothing that makes it wait, and sends what others want."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiohttp import WSMsgType, web
from service_runtime.logs import get_logger

from condor_sidecar.app.channel import messages
from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost, JobStream, StreamEnd
from condor_sidecar.app.pods import Pod
from condor_sidecar.job.supervisor.channel_protocol import SILENCE_SECONDS, VERSION, BadMessage, encode, unpack

SEND_SECONDS = 30.0
OPEN_SECONDS = 10.0
MOST_STREAMS = 64
CLOSE_BAD, CLOSE_REPLACED = 1002, 4000

log = get_logger(__name__)


class Connection:
    """A job's connection, from its hello to its end."""

    def __init__(
        self,
        pod: Pod,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        on_state: Callable[["Connection", messages.State], None],
    ) -> None:
        self.pod = pod
        self.usage: messages.Usage | None = None
        self.usage_before: messages.Usage | None = None
        self.finishing = False
        self._socket, self._transport, self._on_state = socket, transport, on_state
        self._numbers = itertools.count(1)
        self._streams: dict[int, JobStream] = {}
        self._updates: dict[int, asyncio.Future[str]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._gone = False

    async def greet(self) -> None:
        """Take the job's hello and answer it. Raises BadMessage, ChannelLost."""
        received = await self._receive()
        first = messages.read(received) if isinstance(received, str) else None
        if not isinstance(first, messages.Hello) or first.uid != self.pod.uid:
            raise BadMessage("a connection begins with the hello of the ticket's pod")
        if first.version != VERSION:
            raise BadMessage(f"the job speaks version {first.version}, this sidecar {VERSION}")
        await self.send(encode("welcome"))

    async def carry(self) -> None:
        """Take what comes until the connection ends. Raises BadMessage, ChannelLost."""
        while True:
            received = await self._receive()
            if isinstance(received, bytes):
                kind, number, data = unpack(received)
                stream = self._streams.get(number)
                if stream is not None:  # else it was closed while this was under way
                    stream.take(kind, data)
            else:
                self._take(messages.read(received))

    def _take(self, message: messages.Message | None) -> None:
        match message:
            case messages.State():
                self._on_state(self, message)
            case messages.Usage():
                known = self.pod.container_names
                own = tuple(container for container in message.containers if container.name in known)
                self.usage_before, self.usage = self.usage, messages.Usage(message.time, own)
            case messages.Opened(number, restart):
                if (stream := self._streams.get(number)) is not None:
                    stream.take_opened(restart)
            case messages.Credit(number, size):
                if (stream := self._streams.get(number)) is not None:
                    stream.take_credit(size)
            case messages.End(number, code, reason, words):
                if (stream := self._streams.pop(number, None)) is not None:
                    stream.take_end(StreamEnd(code, reason, words))
            case messages.Updated(number, problem):
                if (waiting := self._updates.pop(number, None)) is not None and not waiting.done():
                    waiting.set_result(problem)
            case messages.Hello():
                raise BadMessage("a second hello")

    async def _receive(self) -> str | bytes:
        """The next message. Raises ChannelLost."""
        try:
            message = await self._socket.receive(timeout=SILENCE_SECONDS)
        except TimeoutError as error:
            raise ChannelLost(f"nothing was heard for {SILENCE_SECONDS:.0f} s") from error
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            return cast("str | bytes", message.data)
        raise ChannelLost(f"it ended ({message.type.name.lower()}: {message.data})")

    async def send(self, message: str | bytes) -> None:
        """Send a message. Raises ChannelLost."""
        if self._gone:
            raise ChannelLost("the job's connection is gone")
        try:
            async with asyncio.timeout(SEND_SECONDS):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
        except (ConnectionError, TimeoutError, RuntimeError) as error:
            self.abort()
            raise ChannelLost(f"the job's connection is gone: {error}") from error

    async def open(self, kind: str, **fields: object) -> JobStream:
        """Open a stream. Raises CannotOpen, ChannelLost."""
        if len(self._streams) >= MOST_STREAMS:
            raise CannotOpen("TooManyStreams", f"{MOST_STREAMS} streams of this pod are open already")
        number = next(self._numbers)
        stream = JobStream(number, self.send, self._forget)
        self._streams[number] = stream
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self.send(encode(kind, stream=number, **fields))
                await stream.opened()
        except TimeoutError as error:
            await stream.close()
            raise CannotOpen("NoAnswer", f"the job did not answer within {OPEN_SECONDS:.0f} s") from error
        except BaseException:
            # the job may have opened it, or will: who asked for it has left, and nobody else would ever close it
            await asyncio.shield(self._keep(stream.close()))
            raise
        return stream

    def _keep(self, closing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that outlives who waits for it, bounded by what sending is."""
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    async def update(self, seconds: float, **fields: object) -> str:
        """Have an update carried out; gives what was wrong with it, "" if nothing. Raises ChannelLost, TimeoutError."""
        number = next(self._numbers)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._updates[number] = answer
        try:
            async with asyncio.timeout(seconds):
                await self.send(encode("update", number=number, **fields))
                return await answer
        finally:
            self._updates.pop(number, None)

    async def refuse(self, code: int, words: str) -> None:
        """End it, and say why."""
        try:
            async with asyncio.timeout(1):
                await self._socket.close(code=code, message=words.encode()[:120])
        except (ConnectionError, TimeoutError, RuntimeError):
            pass  # it is gone already
        self.abort()

    def abort(self) -> None:
        """End it at once; whoever uses one of its streams learns that."""
        self._gone = True
        for stream in self._streams.values():
            stream.take_loss()
        self._streams.clear()
        for waiting in self._updates.values():
            if not waiting.done():
                waiting.set_exception(ChannelLost("the job's connection is gone"))
        self._updates.clear()
        if self._transport is not None:
            self._transport.abort()

    def _forget(self, number: int) -> None:
        self._streams.pop(number, None)
