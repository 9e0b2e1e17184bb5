"""Keeps running pods up to date at the site: changed volumes, labels and annotations, deadlines, and tokens before they end.

A look every second finds the pods for which something changed; each of them is compared with what it was given
(control.running_update), and only a difference is sent. A pod that was there before us is sent everything once, since nobody knows
what changed meanwhile. Pods are updated by a queue of their own: a job that doesn't answer holds up neither looks nor most others.
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
from virtual_kubelet.control.object_polls import Key, ObjectPolls
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.running_update import Update, UpdateMaker
from virtual_kubelet.control.work_queue import WorkQueue
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.refresh import Wanted, wanted
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.delivered import Delivered
from virtual_kubelet.model.known_pod import KnownPod, Stage

LOOK_SECONDS = 1.0
UPDATES_AT_ONCE = 16
RETRY = Backoff(2.0, 120.0)
NOT_POSSIBLE = 501
JOB_FAILED = 500
NOT_UPDATED = "VolumesNotUpdated"
LANE = "update"
FIXED_SECONDS = 600.0
"""After which a job that can't be updated is tried again, then less and less often: whoever said so may not have known it."""
FIXED = Backoff(FIXED_SECONDS, 21600.0)
OVERDUE_SECONDS = 120.0
"""The shortest token ends so long after it is to be renewed."""
_DECODED_AT_ONCE = 100

log = get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    """A running pod: what it depends on, as of `version`; and since when it could not be updated, and when to try again."""

    version: str
    wanted: Wanted
    failures: int = 0
    not_before: float = 0.0
    failing_since: float | None = None
    told_overdue: bool = False
    token_failures: int = 0
    refusals: int = 0

    def succeeded(self) -> None:
        self.failures, self.failing_since, self.told_overdue = 0, None, False


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
        self._events = events
        self._policy = translation.volumes
        self._maker = UpdateMaker(reader, translation, node)
        self._clock = clock
        self._polls = ObjectPolls(reader, interval)
        self._pods: dict[str, _Watched] = {}
        self.queue = WorkQueue(self._refresh, {LANE: UPDATES_AT_ONCE}, lambda _: LANE, RETRY)

    async def run(self) -> None:
        """Look until cancelled; at a site that takes no updates there is nothing to look for."""
        while True:
            if self._remote.updates:
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Find what changed, and have it sent."""
        now = self._clock()
        await self._watch_running()
        self._polls.follow({key for uid in self._pods for key in self._keys(uid)}, now)
        await self._polls.look(now)
        for uid, watched in self._pods.items():
            if watched.not_before <= now and self._is_stale(uid, now):
                self.queue.add(uid)

    async def _watch_running(self) -> None:
        """Bring the table of pods up to date; only what changed is read anew."""
        running, read = set[str](), 0
        for known in self._registry:
            if known.phase != "Running" or known.stage is not Stage.SUBMITTED or known.deleting or known.gone:
                continue
            running.add(known.uid)
            watched = self._pods.get(known.uid)
            if watched is None:
                self._pods[known.uid] = _Watched(known.version, wanted(known.pod(), self._policy))
            elif watched.version != known.version:
                watched.version, watched.wanted = known.version, wanted(known.pod(), self._policy)
            else:
                continue
            read += 1
            if read % _DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for uid in self._pods.keys() - running:
            del self._pods[uid]

    def _keys(self, uid: str) -> list[Key]:
        known, watched = self._registry.get(uid), self._pods[uid]
        if known is None or known.fixed:
            return []
        return [(known.namespace, name) for name in watched.wanted.objects]

    def _is_stale(self, uid: str, now: float) -> bool:
        known, needs = self._registry.get(uid), self._pods[uid].wanted
        if known is None or (needs.nothing and known.delivered is None):
            return False
        if known.fixed:
            return True  # once it is time
        has = known.delivered
        if has is None or has.own != needs.own or (has.renew_at is not None and has.renew_at <= now):
            return True
        seen = ((name, self._polls.version((known.namespace, name))) for name in needs.objects)
        return any(version is not None and version != has.versions.get(name) for name, version in seen)

    async def _refresh(self, uid: str) -> None:
        known, watched, now = self._registry.get(uid), self._pods.get(uid), self._clock()
        if known is None or watched is None or watched.not_before > now or not self._is_stale(uid, now):
            return
        try:
            complete = await self._send(known, watched)
        except InterlinkError as error:
            self._failed(known, watched, error)
        except ApiError as error:
            log.warning("refresh.api_failed", pod_uid=uid, status=error.status, error=error.message)
            self._put_off(known, watched, f"the API server says {error.message}")
        else:
            if complete:
                watched.succeeded()
            else:
                self._put_off(known, watched, "some of what they hold may not be read")

    async def _send(self, known: KnownPod, watched: _Watched) -> bool:
        """Send what is new; whether all could be looked at. Raises InterlinkError, ApiError."""
        update = await self._maker.make(known.pod(), known.delivered, self._clock())
        for problem in update.problems:
            self._events.pod(known, "Warning", "FailedMount", problem)
        for name, version in update.versions.items():
            self._polls.note((known.namespace, name), version)
        new = self._asking_again(update, watched)
        if update.request is not None:
            await self._hand_over(known, update.request)
        known.delivered, known.fixed, watched.refusals = new, False, 0
        return not update.unreadable

    def _asking_again(self, update: Update, watched: _Watched) -> Delivered:
        """What the pod will have, and when tokens are to be renewed: soon where some could not be had."""
        if not update.lacks_tokens:
            watched.token_failures = 0
            return update.delivered
        again = self._clock() + RETRY.delay(watched.token_failures)
        watched.token_failures += 1
        return replace(update.delivered, renew_at=min(again, update.delivered.renew_at or again))

    async def _hand_over(self, known: KnownPod, request: CreateRequest) -> None:
        """Raises InterlinkError where it is worth another try."""
        try:
            await self._remote.update(request)
        except Rejected as error:
            self._events.pod(known, "Warning", "UpdateRejected", f"its volumes stay as they were: {error.reason}")
        except LostTrack as error:
            # nobody knows that anything changed while we were away: what there is now is what later changes are compared with
            if error.http_status != NOT_POSSIBLE or known.delivered is not None:
                raise
        else:
            metrics.UPDATES.inc()
            log.info("pod.updated", pod_uid=known.uid, pod=known.reference)

    def _failed(self, known: KnownPod, watched: _Watched, error: InterlinkError) -> None:
        if error.http_status == NOT_POSSIBLE:
            if not known.fixed:
                why = f"the volumes of this pod stay as they were when it was created: {error.reason}"
                self._events.pod(known, "Warning", NOT_UPDATED, why)
            known.fixed = True
            watched.succeeded()
            watched.not_before = self._clock() + FIXED.delay(watched.refusals)
            watched.refusals += 1
            return
        log.info("refresh.not_sent", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
        if error.http_status == JOB_FAILED:
            self._events.pod(known, "Warning", NOT_UPDATED, f"its job could not, trying again: {error.reason}")
            watched.told_overdue = True
        self._put_off(known, watched, error.reason)

    def _put_off(self, known: KnownPod, watched: _Watched, why: str) -> None:
        now = self._clock()
        watched.not_before = now + RETRY.delay(watched.failures)
        watched.failures += 1
        watched.failing_since = now if watched.failing_since is None else watched.failing_since
        late = now - watched.failing_since
        if late < OVERDUE_SECONDS or watched.told_overdue:
            return
        watched.told_overdue = True
        message = f"its volumes, tokens and deadline are {late:.0f} s behind, trying again: {why}"
        self._events.pod(known, "Warning", NOT_UPDATED, message)
