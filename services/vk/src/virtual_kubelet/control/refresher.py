"""Keeps running pods up to date at the site: changed volumes, labels and annotations, deadlines, tokens before they end, and
ephemeral containers.

A look every second finds the pods for which something changed; each of them is compared with what it was given (core.refresh), and
only a difference is sent. A pod that was there before us is sent everything once, since nobody knows what changed meanwhile.
Ephemeral containers are sent as long as the site doesn't speak of them, at once when it speaks of the pod again: its job may have
begun.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from interlink.protocol.errors import InterlinkError, LostTrack, Rejected
from interlink.protocol.types import CreateRequest
from kubernetes_client.answer import ApiError
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.ephemeral_containers import EphemeralContainers
from virtual_kubelet.control.object_polls import Key, ObjectPolls
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core import ephemeral
from virtual_kubelet.core.create_request import Translation, claim_names
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError
from virtual_kubelet.core.refresh import Wanted, delivered, update_request, versions, volume_objects, wanted
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import token_requests
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.delivered import Delivered
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
    """A running pod: what it depends on, as of `version`, and when to try again after a failure.

    Its ephemeral containers are tried by times of their own, anew with each `report` of the site.
    """

    version: str
    wanted: Wanted
    failures: int = 0
    not_before: float = 0.0
    report: bytes | None = None
    tries: int = 0
    try_at: float = 0.0


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
        show: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`show` has a pod's status written anew."""
        self._registry = registry
        self._remote = remote
        self._reader = reader
        self._events = events
        self._translation = translation
        self._node = node
        self._clock = clock
        self._polls = ObjectPolls(reader, interval)
        self._ephemeral = EphemeralContainers(events, show)
        self._pods: dict[str, _Watched] = {}
        self._slots = asyncio.Semaphore(UPDATES_AT_ONCE)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Find what changed, and send it; at a site that takes no updates there is little to look for."""
        if not self._remote.updates:
            if self._remote.heard:
                self._say_what_is_missing()
            return
        now = self._clock()
        await self._watch_running()
        self._polls.follow({key for uid in self._pods for key in self._keys(uid)}, now)
        await self._polls.look(now)
        due = [uid for uid in self._pods if self._is_due(uid, now)]
        async with asyncio.TaskGroup() as group:
            for uid in due[:MOST_UPDATES]:
                group.create_task(self._refresh(uid))

    async def _watch_running(self) -> None:
        """Bring the table of pods up to date; only what changed is read anew."""
        running, read = set[str](), 0
        for known in self._registry:
            if not _is_there(known):
                continue
            if (known.phase != "Running" or known.fixed) and not ephemeral.unheard(known):
                continue
            if known.fixed:
                self._ephemeral.impossible(known, known.fixed)
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

    def _say_what_is_missing(self) -> None:
        for known in self._registry:
            if _is_there(known) and known.ephemeral:
                self._ephemeral.unsupported(known)

    def _is_due(self, uid: str, now: float) -> bool:
        watched = self._pods[uid]
        if watched.not_before <= now and self._is_stale(uid, now):
            return True
        known = self._registry.get(uid)
        if known is None or not ephemeral.unheard(known):
            return False
        if watched.report != known.report:
            watched.report, watched.tries, watched.try_at = known.report, 0, 0.0
        return watched.try_at <= now

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
        stale = self._is_stale(uid, self._clock())
        async with self._slots:
            try:
                await self._send(known, watched)
            except InterlinkError as error:
                self._failed(known, watched, error)
            except MissingObjectError as error:
                self._lacks(known, watched, error)
            except ApiError as error:
                log.warning("refresh.api_failed", pod_uid=uid, status=error.status, error=error.message)
            else:
                watched.failures = 0
                return
        if stale:
            watched.not_before = self._clock() + RETRY.delay(watched.failures)
            watched.failures += 1

    async def _send(self, known: KnownPod, watched: _Watched) -> None:
        """Send what is new. Raises InterlinkError, MissingObjectError, ApiError."""
        pod, policy, node = known.pod(), self._translation.volumes, self._node()
        has, unheard = known.delivered, ephemeral.unheard(known)
        watched.try_at, watched.tries = self._clock() + RETRY.delay(watched.tries), watched.tries + 1
        names = volume_objects(pod, policy) | claim_names(pod) | ephemeral.objects(pod)
        store = await self._reader.fetch(pod, names, ())
        new = delivered(pod, store, node, self._translation)
        for name, version in versions(volume_objects(pod, policy), store).items():
            self._polls.note((known.namespace, name), version)
        added, missing = ephemeral.resolve(pod, store, node, self._translation)
        self._ephemeral.missing(known, missing)
        renewing = has is None or (has.renew_at is not None and has.renew_at <= self._clock())
        if has is not None and has.content == new.content and not renewing:
            known.delivered = replace(new, renew_at=has.renew_at)
            if not {container["name"] for container in added}.intersection(unheard):
                return
        store = replace(store, **await self._reader.tokens(pod, token_requests(pod, policy)))
        request = update_request(pod, store, node, self._translation, added)
        await self._hand_over(known, request, replace(new, renew_at=store.renew_at))

    async def _hand_over(self, known: KnownPod, request: CreateRequest, new: Delivered) -> None:
        """Raises InterlinkError."""
        try:
            await self._remote.update(request)
        except Rejected as error:
            self._events.pod(known, "Warning", "UpdateRejected", f"its volumes stay as they were: {error.reason}")
            self._ephemeral.postponed(known, error)
        except LostTrack as error:
            if error.http_status != NOT_POSSIBLE or known.delivered is not None:
                raise
            # nobody knows that anything changed while we were away: what there is now is what later changes are compared with
            self._ephemeral.impossible(known, error.reason)
        else:
            metrics.UPDATES.inc()
            log.info("pod.updated", pod_uid=known.uid, pod=known.reference)
        known.delivered = new

    def _failed(self, known: KnownPod, watched: _Watched, error: InterlinkError) -> None:
        if error.http_status != NOT_POSSIBLE:
            log.info("refresh.not_sent", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
            self._ephemeral.postponed(known, error)
            return
        known.fixed = error.reason
        self._ephemeral.impossible(known, error.reason)
        if not watched.wanted.nothing:
            why = f"the volumes of this pod stay as they were when it was created: {error.reason}"
            self._events.pod(known, "Warning", "VolumesNotUpdated", why)

    def _lacks(self, known: KnownPod, watched: _Watched, error: MissingObjectError) -> None:
        """As under a kubelet: what is mounted stays as it was, and nothing is started."""
        self._ephemeral.missing(known, dict.fromkeys(known.ephemeral, error))
        if not watched.wanted.nothing:
            self._events.pod(known, "Warning", "FailedMount", str(error))


def _is_there(known: KnownPod) -> bool:
    """The site has it, as far as is known, and is to have it."""
    return known.stage is Stage.SUBMITTED and not (known.terminal or known.deleting or known.gone)
