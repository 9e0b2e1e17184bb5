"""Kubernetes events: what a user reads in `kubectl describe`.

Written in the background, so that a slow API server delays no pod; the line is bounded and what does not fit is counted. The same
words about the same object are one event, which is counted up, at most once a minute, as a kubelet's event correlator does. Its
name follows from the words, so that whoever is started anew finds what he wrote before instead of writing it again; and no pod gets
many new ones in a short time, whatever its site says.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.core.event_budget import EventBudget
from virtual_kubelet.core.timestamp import rfc3339, unix_time
from virtual_kubelet.model.known_pod import KnownPod
from virtual_kubelet.model.pod import JsonObject

WAITING_LIMIT = 2000
REMEMBERED = 4096
REPEAT_SECONDS = 60.0
MESSAGE_LIMIT = 1024  # the API server refuses longer ones
REASON_LIMIT = 128
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
    part: str = ""
    """The part of the object, such as `spec.containers{main}`."""

    @property
    def name(self) -> str:
        """The event's own name: the same words about the same object have the same."""
        words = "\0".join((*self.about, self.kind, self.reason, self.message, self.part))
        return f"{self.about[2][:220]}.{hashlib.blake2b(words.encode(), digest_size=8).hexdigest()}"


class _Waiting(NamedTuple):
    event: Event
    when: float | None
    """When it happened; None: it is happening now."""


@dataclass(slots=True)
class _Written:
    first: str
    count: int
    last: int
    """When it happened last, in whole seconds, as the API server keeps it."""
    last_written: float


class EventRecorder:
    """Takes events at any time, writes them while `run` runs."""

    def __init__(self, api: ApiServer, node: str, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._node = node
        self._clock = clock
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_LIMIT)
        self._written: OrderedDict[Event, _Written] = OrderedDict()
        self._budget = EventBudget()

    def pod(
        self, pod: KnownPod, kind: Kind, reason: str, message: str, *, part: str = "", when: float | None = None
    ) -> None:
        """Note an event of a pod; with `when`, one that happened then, which is written once however often it is told."""
        about = ("Pod", pod.namespace, pod.name, pod.uid)
        self._note(Event(about, kind, reason[:REASON_LIMIT], message[:MESSAGE_LIMIT], part), when)

    def node(self, kind: Kind, reason: str, message: str) -> None:
        """Note an event of the node; its name stands for its UID, as kubectl looks them up."""
        self._note(Event(("Node", "", self._node, self._node), kind, reason, message[:MESSAGE_LIMIT]), None)

    def _note(self, event: Event, when: float | None) -> None:
        try:
            self._waiting.put_nowait(_Waiting(event, when))
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

    async def _write_logged(self, waiting: _Waiting) -> None:
        event = waiting.event
        try:
            await self._write(event, waiting.when)
        except ApiError as error:
            metrics.EVENTS_DROPPED.labels("refused").inc()
            log.warning(
                "event.dropped", reason=event.reason, about=event.about, status=error.status, error=error.message
            )

    async def _write(self, event: Event, when: float | None) -> None:
        now = self._clock()
        happened = int(now if when is None else min(when, now))
        written = self._written.get(event)
        if written is None:
            if not self._budget.take(event.about, now):
                metrics.EVENTS_DROPPED.labels("too many of one pod").inc()
                return
            written = await self._create_or_find(event, happened, now)
            if written is None:
                return
        if when is not None and happened <= written.last:
            return  # told before
        written.count += 1
        written.last = happened
        if now - written.last_written >= REPEAT_SECONDS:
            await self._count_up(event, written, now)

    async def _create_or_find(self, event: Event, happened: int, now: float) -> _Written | None:
        """Write a new event. None if that was all there is to do; else what was written before, by an earlier life of ours."""
        made = _Written(rfc3339(happened), 1, happened, now)
        try:
            await self._api.post(_folder(event), self._body(event, made))
        except ApiError as error:
            if not error.conflict:
                raise
            found = await self._api.patch(f"{_folder(event)}/{event.name}", {})
            last = unix_time(found.get("lastTimestamp")) or 0.0
            found_one = _Written(found.get("firstTimestamp") or made.first, found.get("count") or 1, int(last), last)
            return self._remember(event, found_one)
        self._remember(event, made)
        return None

    async def _count_up(self, event: Event, written: _Written, now: float) -> None:
        written.last_written = now
        try:
            change = {"count": written.count, "lastTimestamp": rfc3339(written.last)}
            await self._api.patch(f"{_folder(event)}/{event.name}", change)
        except ApiError as error:
            if not error.absent:
                raise
            await self._api.post(_folder(event), self._body(event, written))  # events expire after an hour

    def _remember(self, event: Event, written: _Written) -> _Written:
        self._written[event] = written
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)
        return written

    def _body(self, event: Event, written: _Written) -> JsonObject:
        kind, namespace, name, uid = event.about
        reference = {"kind": kind, "name": name, "uid": uid, "apiVersion": "v1"}
        reference |= {"namespace": namespace} if namespace else {}
        reference |= {"fieldPath": event.part} if event.part else {}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event.name, "namespace": namespace or "default"},
            "involvedObject": reference,
            "type": event.kind,
            "reason": event.reason,
            "message": event.message,
            "source": {"component": COMPONENT, "host": self._node},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node,
            "firstTimestamp": written.first,
            "lastTimestamp": rfc3339(written.last),
            "count": written.count,
        }


def _folder(event: Event) -> str:
    return f"/api/v1/namespaces/{event.about[1] or 'default'}/events"
