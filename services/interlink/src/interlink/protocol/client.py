"""A caller's side of the wire: the virtual kubelet's towards the API server.

Every call has deadlines and ends in a value or in one of the three errors of `errors`; no library's exception gets past here.
"""

import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

from service_runtime.http_client import Deadlines

from interlink.protocol.decode import MalformedError, decode, encode
from interlink.protocol.errors import LostTrack, NoConnection, NotNow
from interlink.protocol.exec import SUBPROTOCOL, ExecRequest
from interlink.protocol.exec_stream import ExecStream
from interlink.protocol.features import SESSION_HEADER
from interlink.protocol.transport import LOG_STREAMS, Transport
from interlink.protocol.types import CreateReply, CreateRequest, LogRequest, PingReply, Pod, PodStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer to a ping: `reply` is None where the plugin wrote free text, which is kept in `text`."""

    reply: PingReply | None
    text: str
    features: frozenset[str]


class InterlinkClient:
    """Calls to an interLink API server. `token()` is asked at each call, so that a refreshed file is used at once."""

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        deadlines: Deadlines | None = None,
        log_streams: int = LOG_STREAMS,
    ) -> None:
        self._transport = Transport(url, deadlines=deadlines, ssl_context=ssl_context, log_streams=log_streams)
        self._token = token

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def create(self, request: CreateRequest) -> CreateReply:
        """Hand a pod over. Raises Rejected, NotNow or LostTrack."""
        body, _ = await self._call("POST", "/create", "CreatePod", encode(request))
        replies = _decode(body, list[CreateReply]) if body.lstrip()[:1] == b"[" else [_decode(body, CreateReply)]
        if not replies:
            raise LostTrack("the reply to a create is an empty list")
        return replies[0]

    async def delete(self, pod: Pod, *, absent_is_done: bool = True) -> None:
        """End a pod's job and forget the pod.

        Plugins of interLink 0.6 answer 404 for a pod they don't know, which is as good as deleted (`absent_is_done`). Our own
        server never does: there a 404 comes from something in between, such as a proxy without its upstream, and is NotNow.
        """
        try:
            await self._call("DELETE", "/delete", "DeletePod", encode(pod))
        except NotNow as error:
            if error.http_status != 404 or not absent_is_done:
                raise

    async def status(self, pods: Sequence[Pod]) -> list[PodStatus]:
        """States of those of `pods` that the other side knows, in any order. An empty sequence asks nothing."""
        if not pods:
            return []
        body, _ = await self._call("GET", "/status", "GetStatus", encode(pods))
        return _decode(body, list[PodStatus] | None) or []  # type: ignore[arg-type]

    async def list_pods(self, node: str) -> list[PodStatus]:
        """Every pod that is held for `node` (feature `list`)."""
        body, _ = await self._call("GET", f"/pods?node={quote(node, safe='')}", "ListPods", b"")
        return _decode(body, list[PodStatus] | None) or []  # type: ignore[arg-type]

    async def ping(self) -> Ping:
        """Is the whole chain there, and what does it offer?"""
        body, features = await self._call("POST", "/pinglink", "PingInterLink", b"")
        try:
            reply = decode(body, PingReply)
        except MalformedError:
            reply = None
        return Ping(reply, body.decode("utf-8", "replace"), features)

    @contextlib.asynccontextmanager
    async def logs(self, request: LogRequest) -> AsyncIterator[AsyncIterator[bytes]]:
        """A container's log as chunks of bytes, while the context lasts; with `Follow` until the container ends.

        Raises NotNow (429) while `log_streams` of them run.
        """
        headers = self._headers("GetLogs", True)
        async with self._transport.stream(
            "/getLogs", "/getLogs", headers=headers, data=encode(request), follow=request.Opts.Follow
        ) as chunks:
            yield chunks

    @contextlib.asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncIterator[ExecStream]:
        """A command in a container, or the attachment to its first process, while the context lasts (feature `exec`).

        Raises NotNow (429) while `log_streams` streams run.
        """
        headers = self._headers("Exec", False)
        async with self._transport.websocket("/exec", "/exec", headers=headers, subprotocol=SUBPROTOCOL) as socket:
            stream = ExecStream(socket)
            await stream.begin(request)
            yield stream

    async def _call(self, method: str, path: str, operation: str, data: bytes) -> tuple[bytes, frozenset[str]]:
        headers = self._headers(operation, bool(data))
        return await self._transport.call(path.partition("?")[0], method, path, headers=headers, data=data)

    def _headers(self, operation: str, has_body: bool) -> dict[str, str]:
        headers = {SESSION_HEADER: f"{operation}#{random.randrange(100_000)}"}  # noqa: S311 - an id for logs
        if has_body:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            try:
                token = self._token()
            except OSError as error:
                raise NoConnection(f"the token file can't be read: {error.strerror}", http_status=401) from error
            if token:
                headers["Authorization"] = f"Bearer {token}"
        return headers


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return decode(body, kind)
    except MalformedError as error:
        raise LostTrack(str(error)) from error
