"""Keeps running pods up to date at the site: changed volumes, labels and annotations, deadlines, and tokens before they end.

A look every second finds the pods for which something changed; each of them is compared with what it was given (core.refresh), and
only a difference is sent. A pod that was there before us is sent everything once, since nobody knows what changed meanwhile.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from interlink.protocol.errors import InterlinkError, LostTrack, Rejected
from kubernetes_client.answer import ApiError
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.object_polls import Key, ObjectPolls
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError
from virtual_kubelet.core.refresh import Wanted, delivered, update_request, versions, volume_objects, wanted
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import token_requests
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.known_pod import KnownPod, Stage

LOOK_SECONDS = 1.0
MOST_UPDATES = 20
"""In one look."""
UPDATES_AT_ONCE = 4
RETRY = Backoff(2.0, 120.0)
NOT_POSSIBLE = 501
_DECODED_AT_ONCE = 100

log = get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    """A running pod: what it depends on, as of `version`, and when to try again after a failure."""

    version: str
    wanted: Wanted
    failures: int = 0
    not_before: float = 0.0


class Refresher:
    """One loop for all pods of the node."""

    def __init__(
        self,
        registry: Registry,
        remote: Remote,
        reader: ObjectReader,
        events: EventRecorder,
        *,
        translation: Translation,
        node: Callable[[], NodeFacts],
        interval: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._remote = remote
        self._reader = reader
        self._events = events
        self._translation = translation
        self._node = node
        self._clock = clock
        self._polls = ObjectPolls(reader, interval)
        self._pods: dict[str, _Watched] = {}
        self._slots = asyncio.Semaphore(UPDATES_AT_ONCE)

    async def run(self) -> None:
        """Look until cancelled; at a site that takes no updates there is nothing to look for."""
        while True:
            if self._remote.updates:
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Find what changed, and send it."""
        now = self._clock()
        await self._watch_running()
        self._polls.follow({key for uid in self._pods for key in self._keys(uid)}, now)
        await self._polls.look(now)
        due = [uid for uid, watched in self._pods.items() if watched.not_before <= now and self._is_stale(uid, now)]
        async with asyncio.TaskGroup() as group:
            for uid in due[:MOST_UPDATES]:
                group.create_task(self._refresh(uid))

    async def _watch_running(self) -> None:
        """Bring the table of pods up to date; only what changed is read anew."""
        running, read = set[str](), 0
        for known in self._registry:
            if known.phase != "Running" or known.stage is not Stage.SUBMITTED or known.deleting or known.gone:
                continue
            if known.fixed:
                continue
            running.add(known.uid)
            watched = self._pods.get(known.uid)
            if watched is None:
                self._pods[known.uid] = _Watched(known.version, wanted(known.pod(), self._translation.volumes))
            elif watched.version != known.version:
                watched.version, watched.wanted = known.version, wanted(known.pod(), self._translation.volumes)
            else:
                continue
            read += 1
            if read % _DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for uid in self._pods.keys() - running:
            del self._pods[uid]

    def _keys(self, uid: str) -> list[Key]:
        known, watched = self._registry.get(uid), self._pods[uid]
        return [(known.namespace, name) for name in watched.wanted.objects] if known is not None else []

    def _is_stale(self, uid: str, now: float) -> bool:
        known, needs = self._registry.get(uid), self._pods[uid].wanted
        if known is None or (needs.nothing and known.delivered is None):
            return False
        has = known.delivered
        if has is None or has.own != needs.own or (has.renew_at is not None and has.renew_at <= now):
            return True
        seen = ((name, self._polls.version((known.namespace, name))) for name in needs.objects)
        return any(version is not None and version != has.versions.get(name) for name, version in seen)

    async def _refresh(self, uid: str) -> None:
        known, watched = self._registry.get(uid), self._pods[uid]
        if known is None:
            return
        async with self._slots:
            try:
                await self._send(known, watched)
            except InterlinkError as error:
                self._failed(known, watched, error)
            except ApiError as error:
                log.warning("refresh.api_failed", pod_uid=uid, status=error.status, error=error.message)
                self._put_off(watched)
            else:
                watched.failures = 0

    async def _send(self, known: KnownPod, watched: _Watched) -> None:
        """Send what is new. Raises InterlinkError, ApiError."""
        pod, policy, node = known.pod(), self._translation.volumes, self._node()
        has = known.delivered
        try:
            store = await self._reader.fetch(pod, volume_objects(pod, policy), ())
            new = delivered(pod, store, node, self._translation)
            for name, version in versions(volume_objects(pod, policy), store).items():
                self._polls.note((known.namespace, name), version)
            renewing = has is None or (has.renew_at is not None and has.renew_at <= self._clock())
            if has is not None and has.content == new.content and not renewing:
                known.delivered = replace(new, renew_at=has.renew_at)
                return
            store = replace(store, **await self._reader.tokens(pod, token_requests(pod, policy)))
            request = update_request(pod, store, node, self._translation)
        except MissingObjectError as error:
            # as under a kubelet: what is mounted stays as it was
            self._events.pod(known, "Warning", "FailedMount", str(error))
            self._put_off(watched)
            return
        new = replace(new, renew_at=store.renew_at)
        try:
            await self._remote.update(request)
        except Rejected as error:
            self._events.pod(known, "Warning", "UpdateRejected", f"its volumes stay as they were: {error.reason}")
        except LostTrack as error:
            if error.http_status != NOT_POSSIBLE or has is not None:
                raise
            # nobody knows that anything changed while we were away: what there is now is what later changes are compared with
            known.delivered = new
            return
        known.delivered = new
        metrics.UPDATES.inc()
        log.info("pod.updated", pod_uid=known.uid, pod=known.reference)

    def _failed(self, known: KnownPod, watched: _Watched, error: InterlinkError) -> None:
        if error.http_status == NOT_POSSIBLE:
            known.fixed = True
            why = f"the volumes of this pod stay as they were when it was created: {error.reason}"
            self._events.pod(known, "Warning", "VolumesNotUpdated", why)
            return
        log.info("refresh.not_sent", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
        self._put_off(watched)

    def _put_off(self, watched: _Watched) -> None:
        watched.not_before = self._clock() + RETRY.delay(watched.failures)
        watched.failures += 1
