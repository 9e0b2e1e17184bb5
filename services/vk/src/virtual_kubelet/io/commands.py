"""`kubectl exec` and `kubectl attach` at the kubelet port: from the caller's streams to interLink's, and back."""

import asyncio
import contextlib

import msgspec
from aiohttp import web
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import InterlinkError
from interlink.protocol.exec import ExecRequest, failure
from interlink.protocol.exec_stream import ExecStream
from service_runtime.logs import get_logger
from service_runtime.websockets import LINGER_SECONDS, first_of

from virtual_kubelet.core.command_query import CommandQuery, CommandQueryError, command_query, first_common
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io import websocket_streams
from virtual_kubelet.io.caller_streams import SPDY_PROTOCOL, CallerStreams, SpdyStreams
from virtual_kubelet.io.spdy.session import Session
from virtual_kubelet.io.websocket_streams import WebSocketStreams
from virtual_kubelet.model import pod as pods

LONGEST_MESSAGE = 32 << 20  # bytes, a kubelet's own limit
PROTOCOL_HEADER = "X-Stream-Protocol-Version"

log = get_logger(__name__)


class Commands:
    """The two routes."""

    def __init__(self, registry: Registry, interlink: InterlinkClient) -> None:
        self._registry, self._interlink = registry, interlink

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Run the command, or attach, in the container that the path names."""
        asked = request.match_info
        entry = self._registry.named(asked["namespace"], asked["pod"])
        if entry is None or asked.get("uid", entry.uid) != entry.uid:
            return web.Response(status=404, text="pod does not exist\n")
        if asked["container"] not in {container["name"] for container in pods.all_containers(entry.pod())}:
            return web.Response(status=404, text=f'container not found ("{asked["container"]}")\n')
        attach = request.path.startswith("/attach/")
        try:
            query = command_query(request.query, attach=attach)
        except CommandQueryError as error:
            return web.Response(status=400, text=f"{error}\n")
        wanted = ExecRequest(
            Namespace=entry.namespace,
            PodUID=entry.uid,
            PodName=entry.name,
            ContainerName=asked["container"],
            Command=list(query.command),
            Attach=attach,
            Stdin=query.stdin,
            Stdout=query.stdout,
            Stderr=query.stderr,
            TTY=query.tty,
        )
        return await self._upgraded(request, query, wanted)

    async def _upgraded(self, request: web.Request, query: CommandQuery, wanted: ExecRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            protocols=websocket_streams.PROTOCOLS,
            compress=False,
            timeout=LINGER_SECONDS,
            max_msg_size=LONGEST_MESSAGE,
        )
        if socket.can_prepare(request).ok:
            return await self._over_websocket(request, socket, query, wanted)
        if request.headers.get("Upgrade", "").lower() != "spdy/3.1":
            return web.Response(
                status=400, text="unable to upgrade: the request asks for neither SPDY/3.1 nor WebSocket\n"
            )
        offered = [word.strip() for line in request.headers.getall(PROTOCOL_HEADER, []) for word in line.split(",")]
        if first_common(offered, [SPDY_PROTOCOL]) is None:
            text = f"unable to negotiate protocol: client supports {offered}, server accepts [{SPDY_PROTOCOL}]\n"
            return web.Response(status=403, text=text, headers={"X-Accepted-Stream-Protocol-Versions": SPDY_PROTOCOL})
        session = Session(request)
        response = await session.answer({PROTOCOL_HEADER: SPDY_PROTOCOL})
        streams = SpdyStreams(session)
        try:
            await streams.open(query)
            await self._serve(streams, wanted)
        except (TimeoutError, ConnectionError) as error:
            log.info("exec.caller_gone", pod_uid=wanted.PodUID, error=str(error))
        finally:
            await session.close()
        return response

    async def _over_websocket(
        self, request: web.Request, socket: web.WebSocketResponse, query: CommandQuery, wanted: ExecRequest
    ) -> web.StreamResponse:
        await socket.prepare(request)
        streams = WebSocketStreams(socket)
        try:
            if socket.ws_protocol is None and websocket_streams.PROTOCOL_HEADER in request.headers:
                message = f"unable to negotiate protocol: server accepts {', '.join(websocket_streams.PROTOCOLS)}"
                await streams.end(failure(message))
            else:
                await streams.open(query)
                await self._serve(streams, wanted)
        except ConnectionError as error:
            log.info("exec.caller_gone", pod_uid=wanted.PodUID, error=str(error))
        finally:
            await socket.close()
        return socket

    async def _serve(self, caller: CallerStreams, wanted: ExecRequest) -> None:
        """Raises ConnectionError."""
        uid, container = wanted.PodUID, wanted.ContainerName
        log.info("exec.began", pod_uid=uid, container=container, attach=wanted.Attach)
        try:
            async with self._interlink.exec(wanted) as stream:
                status = await first_of(
                    _output(stream, caller),
                    _input(caller, stream),
                    _sizes(caller, stream),
                    caller.gone(),
                    _alive(stream),
                )
        except InterlinkError as error:
            log.info("exec.failed", pod_uid=uid, status=error.http_status, error=error.reason[:500])
            status = failure(f"the site can't be asked: {error.reason}")
        if status is not None:
            await caller.end(status)
        log.info("exec.ended", pod_uid=uid, container=container, told=status is not None)


async def _output(stream: ExecStream, caller: CallerStreams) -> bytes:
    """Carry what the command writes; the Status of its end."""
    async for kind, data in stream.pieces():
        await caller.write(kind, data)
    return msgspec.json.encode(stream.status)


async def _input(caller: CallerStreams, stream: ExecStream) -> None:
    with contextlib.suppress(InterlinkError):
        async for data in caller.input():
            await stream.write(data)
        await stream.eof()
    await asyncio.Event().wait()  # the command may live on without input, or what it wrote last is still to be read


async def _sizes(caller: CallerStreams, stream: ExecStream) -> None:
    with contextlib.suppress(InterlinkError):
        async for size in caller.sizes():
            await stream.resize(size)
    await asyncio.Event().wait()


async def _alive(stream: ExecStream) -> None:
    """Ping the site; that the connection there broke is for who reads it to say, here as where something is written."""
    await stream.keep_alive()
    await asyncio.Event().wait()
