"""Commands in containers over the wire of interLink: each a WebSocket of the server's, carried on as a stream of the job channel.

Both are slow when their reader is: the command's output waits in the job for the caller, the caller's input for the command.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec
from aiohttp import WSMsgType, web
from interlink.protocol.decode import MalformedError, decode
from interlink.protocol.exec import (
    CLOSE,
    CREDIT,
    ERROR,
    RESIZE,
    STDERR,
    STDIN,
    STDOUT,
    SUBPROTOCOL,
    WINDOW,
    ExecRequest,
    TerminalSize,
    exit_code,
    failure,
    success,
)
from interlink.protocol.serving import session_of
from service_runtime.logs import get_logger
from service_runtime.websockets import LINGER_SECONDS, first_of, keep_alive

from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost, JobStream, StreamEnd
from condor_sidecar.app.job_channels import NoChannel
from condor_sidecar.job.supervisor import channel_protocol

MOST = 256  # commands at once
REQUEST_SECONDS = 10.0
CHANNELS = {channel_protocol.STDOUT: STDOUT, channel_protocol.STDERR: STDERR}

log = get_logger(__name__)


class Channels(Protocol):
    """The connections of jobs, as far as this needs them."""

    async def exec(self, uid: str, message: Mapping[str, object]) -> JobStream: ...


class BadRequest(Exception):
    """What the caller sent is no request, or not for a container of ours."""


class Commands:
    """`GET /exec`."""

    def __init__(self, containers: Callable[[str], Collection[str] | None], channels: Channels) -> None:
        """`containers` gives the names of those of the pod with this UID, None for a pod that isn't there."""
        self._containers, self._channels = containers, channels
        self._running = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Run what the caller's first message asks for, and say how it ended."""
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False, timeout=LINGER_SECONDS)
        await socket.prepare(request)
        self._running += 1
        try:
            status = await self._serve(socket, session_of(request))
            if status is not None:
                await socket.send_bytes(bytes([ERROR]) + status)
        except ConnectionError:
            log.info("exec.caller_gone", request=session_of(request))
        finally:
            self._running -= 1
            await socket.close()
        return socket

    async def _serve(self, socket: web.WebSocketResponse, session: str) -> bytes | None:
        """The Status to end with; None where nobody is there to read it."""
        try:
            asked = await self._asked(socket)
            async with await self._channels.exec(asked.PodUID, _message(asked)) as stream:
                log.info("exec.began", pod_uid=asked.PodUID, request=session, container=asked.ContainerName)
                caller = _Input(socket, stream)
                end: StreamEnd | None = await first_of(
                    _output(stream, socket), caller.take(), caller.give(), keep_alive(socket)
                )
        except (BadRequest, CannotOpen, NoChannel) as error:
            return failure(str(error))
        except ChannelLost as error:
            return failure(
                f"{error}: commands reach a container while its job is connected to this site's job channel, soon after its "
                "start and as long as its worker node reaches the channel's address. Try again; `kubectl logs` works without it"
            )
        if end is None:
            return None
        log.info("exec.ended", pod_uid=asked.PodUID, request=session, code=end.code, reason=end.reason)
        return _status(end)

    async def _asked(self, socket: web.WebSocketResponse) -> ExecRequest:
        """The caller's request, if it is one that can be carried out. Raises BadRequest."""
        if self._running > MOST:
            raise BadRequest(f"{MOST} commands run through this site's sidecar already; try again when some have ended")
        try:
            message = await socket.receive(timeout=REQUEST_SECONDS)
        except TimeoutError as error:
            raise BadRequest(f"no request came within {REQUEST_SECONDS:.0f} s") from error
        if message.type is not WSMsgType.TEXT:
            raise BadRequest("the first message has to be the request, as text")
        try:
            asked = decode(message.data.encode(), ExecRequest)
        except MalformedError as error:
            raise BadRequest(str(error)) from error
        names = self._containers(asked.PodUID)
        if names is None:
            raise BadRequest(f"pod {asked.PodName} (UID {asked.PodUID}) is not known at this site")
        if asked.ContainerName not in names:
            raise BadRequest(
                f"container {asked.ContainerName} is not in pod {asked.PodName} ({', '.join(sorted(names))})"
            )
        return asked


def _message(asked: ExecRequest) -> dict[str, object]:
    """The job channel's words for it."""
    streams: dict[str, object] = {
        "container": asked.ContainerName,
        "stdin": asked.Stdin,
        "stdout": asked.Stdout,
        "stderr": asked.Stderr and not asked.TTY,
        "tty": asked.TTY,
    }
    return {"type": "attach", **streams} if asked.Attach else {"type": "exec", "command": asked.Command, **streams}


async def _output(stream: JobStream, socket: web.WebSocketResponse) -> StreamEnd | None:
    """Carry what it writes to the caller, until its end."""
    while (piece := await stream.read()) is not None:
        kind, data = piece
        if kind in CHANNELS:
            await socket.send_bytes(bytes([CHANNELS[kind]]) + data)
    return stream.ended


class _Input:
    """What the caller writes on its way to the command: taken at once, as far as it was granted, and given on as that is read."""

    def __init__(self, socket: web.WebSocketResponse, stream: JobStream) -> None:
        self._socket, self._stream = socket, stream
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by what was granted, and one end
        self._unread = 0
        self._ended = False

    async def take(self) -> None:
        """Until the caller has gone. Raises BadRequest where it sends more than it may."""
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == STDIN and data and not self._ended:
                self._unread += len(data)
                if self._unread > WINDOW:
                    raise BadRequest(f"more than {WINDOW} bytes of input were sent without being granted")
                self._waiting.put_nowait(data)
            elif channel == CLOSE and data == bytes([STDIN]) and not self._ended:
                self._ended = True
                self._waiting.put_nowait(None)
            elif channel == RESIZE:
                await _resize(self._stream, data)

    async def give(self) -> None:
        """Give it to the command, and grant as much again."""
        while (data := await self._waiting.get()) is not None:
            await self._stream.write(data)
            self._unread -= len(data)
            await self._socket.send_bytes(bytes([CREDIT]) + str(len(data)).encode())
        await self._stream.eof()
        await asyncio.Event().wait()  # the command may live on without input


async def _resize(stream: JobStream, data: bytes) -> None:
    try:
        size = msgspec.json.decode(data, type=TerminalSize)
    except msgspec.DecodeError:
        return  # as a kubelet does: the terminal stays as it is
    await stream.resize(size.Width, size.Height)


def _status(end: StreamEnd) -> bytes:
    if end.code is None and end.reason:
        return failure(end.message or end.reason)
    return exit_code(end.code) if end.code else success()
