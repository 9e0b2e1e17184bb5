"""Calls to the plugin: exactly the methods and bodies that plugins of interLink 0.6 expect, and their peculiarities."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import aiohttp
from service_runtime.http_client import Deadlines
from service_runtime.logs import get_logger

from interlink.protocol.decode import MalformedError, decode, encode
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow, Rejected
from interlink.protocol.exec import SUBPROTOCOL
from interlink.protocol.features import SESSION_HEADER, STATUS_BATCH
from interlink.protocol.transport import REPLY_LIMIT, Transport, followed
from interlink.protocol.types import CreateReply, LogRequest, Pod, PodStatus, RetrievedPodData
from interlink.protocol.watch import SILENCE_SECONDS
from interlink.server.status_cache import uid_of

CALL = Deadlines(connect=5, first_byte=100, total=110)  # the Go virtual kubelet waits 120 s for a reply
SINGLE_STATUS_CALLS = 8  # at once, to a plugin that answers for one pod only

log = get_logger(__name__)


class Plugin:
    """One plugin behind `unix://` or `http://`. `features` is what it announced at the last ping."""

    def __init__(
        self,
        url: str,
        create_format: Literal["auto", "object", "list"] = "auto",
        status_batch: Literal["auto", "single"] = "auto",
        reply_limit: int = REPLY_LIMIT,
    ) -> None:
        self.features: frozenset[str] = frozenset()
        self._transport = Transport(url, deadlines=CALL, reply_limit=reply_limit)
        self._create_format = create_format
        self._single = status_batch == "single"

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def create(self, data: RetrievedPodData, session: str) -> CreateReply:
        """Hand a pod over. Any 2xx is success, a list of one is taken for its element."""
        whole = {**_pod_data(data), "jobConfig": data.jobConfig}
        if data.jobScript:
            whole["jobScript"] = data.jobScript
        if self._create_format == "list":
            return await self._create([_before_0_5(data)], session)
        try:
            return await self._create(whole, session)
        except Rejected as error:
            # plugins before 0.5 are strict about the shape and say so before they do anything
            if self._create_format != "auto" or error.http_status != 422 or STATUS_BATCH in self.features:
                raise
            try:
                return await self._create([_before_0_5(data)], session)
            except InterlinkError:
                raise error from None

    async def _create(self, body: Any, session: str) -> CreateReply:
        text, _ = await self._call("POST", "/create", encode(body), session)
        try:
            if text.lstrip()[:1] == b"[":
                return decode(text, list[CreateReply])[0]
            return decode(text, CreateReply)
        except (MalformedError, IndexError) as error:
            raise LostTrack(f"the plugin's reply to a create can't be read: {error}") from error

    async def update(self, data: RetrievedPodData, session: str) -> None:
        """Hand over what changed of a running pod."""
        await self._call("POST", "/update", encode(_pod_data(data)), session)

    async def stats(self, node: str, session: str) -> bytes:
        """What the running pods of a node use, as the plugin writes it."""
        text, _ = await self._call("GET", f"/stats?node={quote(node, safe='')}", None, session)
        return text

    async def delete(self, pod: Pod, session: str) -> None:
        """End a pod's job; a plugin that doesn't know the pod has nothing left to do."""
        try:
            await self._call("POST", "/delete", encode(pod), session)
        except NotNow as error:
            if error.http_status != 404:
                raise

    async def status(self, pods: Sequence[Pod], session: str) -> list[PodStatus]:
        """Statuses of those of `pods` that the plugin knows; others' may be among them.

        A plugin that answers only for the first pod of a list, or that fails a list for one bad pod, is asked for each alone.
        """
        if len(pods) == 1 or (not self._single) or STATUS_BATCH in self.features:
            try:
                statuses = await self._status(pods, session)
            except InterlinkError:
                if len(pods) == 1 or STATUS_BATCH in self.features:
                    raise
                return await self._status_of_each(pods, session)
            known = {status.UID for status in statuses}
            missing = [pod for pod in pods if uid_of(pod) not in known]
            if not missing or len(pods) == 1 or STATUS_BATCH in self.features:
                return statuses
            alone = await self._status_of_each(missing, session)
            if {status.UID for status in alone} & {uid_of(pod) for pod in missing}:
                log.info("plugin.answers_single_pods", plugin=self._transport.url)
                self._single = True
            return statuses + alone
        return await self._status_of_each(pods, session)

    async def _status_of_each(self, pods: Sequence[Pod], session: str) -> list[PodStatus]:
        slots = asyncio.Semaphore(SINGLE_STATUS_CALLS)

        async def one(pod: Pod) -> list[PodStatus]:
            async with slots:
                try:
                    return await self._status([pod], session)
                except InterlinkError as error:
                    log.info("plugin.status_failed", pod_uid=uid_of(pod), request=session, reason=error.reason[:500])
                    return []

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(pod)) for pod in pods]
        return [status for task in tasks for status in task.result()]

    async def _status(self, pods: Sequence[Pod], session: str) -> list[PodStatus]:
        text, _ = await self._call("GET", "/status", encode(pods), session)
        return _statuses(text)

    async def ping(self, session: str) -> bytes:
        """The plugin's answer to a status call for no pod, which is interLink's ping."""
        text, self.features = await self._call("GET", "/status", b"[]", session)
        return text

    async def list_pods(self, node: str, session: str) -> list[PodStatus]:
        """Every pod that the plugin holds for a node."""
        text, _ = await self._call("GET", f"/pods?node={quote(node, safe='')}", None, session)
        return _statuses(text)

    @contextlib.asynccontextmanager
    async def logs(self, request: LogRequest, session: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A container's log, chunk by chunk as the plugin sends it."""
        # plugins made with the Python SDK look for LimitBytes, the Go ones for Bytes
        body = {**_as_dict(request), "Opts": {**_as_dict(request.Opts), "LimitBytes": request.Opts.Bytes}}
        async with self._transport.stream(
            "plugin /getLogs", "/getLogs", headers=_headers(session), data=encode(body), follow=followed(request)
        ) as chunks:
            yield chunks

    @contextlib.asynccontextmanager
    async def watch(self, query: str, session: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The plugin's watch, chunk by chunk; `query` as the caller sent it."""
        async with self._transport.stream(
            "plugin /watch", f"/watch?{query}", headers=_headers(session), data=b"", follow=SILENCE_SECONDS
        ) as chunks:
            yield chunks

    @contextlib.asynccontextmanager
    async def exec(self, session: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The plugin's end of a command's WebSocket."""
        headers = {SESSION_HEADER: session}
        async with self._transport.websocket(
            "plugin /exec", "/exec", headers=headers, subprotocol=SUBPROTOCOL
        ) as socket:
            yield socket

    async def _call(self, method: str, path: str, data: bytes | None, session: str) -> tuple[bytes, frozenset[str]]:
        what = f"plugin {path.partition('?')[0]}"
        return await self._transport.call(what, method, path, headers=_headers(session), data=data)


def _statuses(text: bytes) -> list[PodStatus]:
    try:
        return decode(text, list[PodStatus]) if text.strip() != b"null" else []
    except MalformedError as error:
        raise LostTrack(f"the plugin's statuses can't be read: {error}") from error


def _pod_data(data: RetrievedPodData) -> dict[str, Any]:
    """The pod and what came with it; claims and credentials are told where there are some, to plugins that know them."""
    ours = {name: value for name, value in (("claims", data.claims), ("pullSecrets", data.pullSecrets)) if value}
    return {"pod": data.pod, "container": data.container, **ours}


def _before_0_5(data: RetrievedPodData) -> dict[str, Any]:
    return {"pod": data.pod, "container": data.container}


def _headers(session: str) -> dict[str, str]:
    return {"Content-Type": "application/json", SESSION_HEADER: session}


def _as_dict(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
