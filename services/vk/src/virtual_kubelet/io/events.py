"""Kubernetes events: what a user reads in `kubectl describe`.

Written in the background, so that a slow API server delays no pod; the line is bounded and what does not fit is counted. The same
words about the same object are written once and then, at most once a minute, counted up, as a kubelet's event correlator does.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.model.known_pod import KnownPod
from virtual_kubelet.model.pod import JsonObject

WAITING_LIMIT = 2000
REMEMBERED = 4096
REPEAT_SECONDS = 60.0
MESSAGE_LIMIT = 1024  # the API server refuses longer ones
COMPONENT = "virtual-kubelet"

log = get_logger(__name__)

Kind = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object."""

    about: tuple[str, str, str, str]
    """Kind, namespace, name, UID of the object."""
    kind: Kind
    reason: str
    message: str


@dataclass(slots=True)
class _Written:
    name: str
    first: str
    count: int
    last_written: float


class EventRecorder:
    """Takes events at any time, writes them while `run` runs."""

    def __init__(self, api: ApiServer, node: str) -> None:
        self._api = api
        self._node = node
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(WAITING_LIMIT)
        self._written: OrderedDict[Event, _Written] = OrderedDict()

    def pod(self, pod: KnownPod, kind: Kind, reason: str, message: str) -> None:
        """Note an event of a pod."""
        self._note(Event(("Pod", pod.namespace, pod.name, pod.uid), kind, reason, message[:MESSAGE_LIMIT]))

    def node(self, kind: Kind, reason: str, message: str) -> None:
        """Note an event of the node; its name stands for its UID, as kubectl looks them up."""
        self._note(Event(("Node", "", self._node, self._node), kind, reason, message[:MESSAGE_LIMIT]))

    def _note(self, event: Event) -> None:
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            metrics.EVENTS_DROPPED.labels("queue full").inc()

    async def run(self) -> None:
        """Write until cancelled. A failed event is dropped: it is a courtesy, the pod's status is the truth."""
        while True:
            await self._write_logged(await self._waiting.get())

    async def drain(self, seconds: float) -> None:
        """Write what is waiting, as far as the time goes."""
        try:
            async with asyncio.timeout(seconds):
                while not self._waiting.empty():
                    await self._write_logged(self._waiting.get_nowait())
        except TimeoutError:
            metrics.EVENTS_DROPPED.labels("shutdown").inc(self._waiting.qsize())

    async def _write_logged(self, event: Event) -> None:
        try:
            await self._write(event)
        except ApiError as error:
            metrics.EVENTS_DROPPED.labels("refused").inc()
            log.warning(
                "event.dropped", reason=event.reason, about=event.about, status=error.status, error=error.message
            )

    async def _write(self, event: Event) -> None:
        now = time.time()
        path = f"/api/v1/namespaces/{event.about[1] or 'default'}/events"
        before = self._written.get(event)
        if before is None:
            self._remember(event, _Written(await self._create(path, event, now), rfc3339(now), 1, now))
            return
        before.count += 1
        if now - before.last_written < REPEAT_SECONDS:
            return
        before.last_written = now
        try:
            await self._api.patch(f"{path}/{before.name}", {"count": before.count, "lastTimestamp": rfc3339(now)})
        except ApiError as error:
            if not error.absent:
                raise
            before.name = await self._create(path, event, now, before)  # events expire after an hour

    def _remember(self, event: Event, written: _Written) -> None:
        self._written[event] = written
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

    async def _create(self, path: str, event: Event, now: float, before: _Written | None = None) -> str:
        kind, namespace, name, uid = event.about
        event_name = f"{name[:220]}.{time.time_ns():x}"
        reference = {"kind": kind, "name": name, "uid": uid, "apiVersion": "v1"}
        body: JsonObject = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name, "namespace": namespace or "default"},
            "involvedObject": reference | ({"namespace": namespace} if namespace else {}),
            "type": event.kind,
            "reason": event.reason,
            "message": event.message,
            "source": {"component": COMPONENT, "host": self._node},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node,
            "firstTimestamp": before.first if before else rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": before.count if before else 1,
        }
        await self._api.post(path, body)
        return event_name
