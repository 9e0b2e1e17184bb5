"""Sees deleted pods off: their objects stay until their containers have ended, as under a kubelet.

Whoever waits for the object to go counts on that: a StatefulSet, whose next pod of the name must not run beside it; the reader of
its last log; whoever holds it by a finalizer and looks for its exit code. The site has taken the delete by then and carries it out
whatever happens here, so the wait has a bound, and a forced delete doesn't wait at all.
"""

import time
from collections.abc import Awaitable, Callable

import msgspec
from interlink.protocol.errors import InterlinkError
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.create_request import slim
from virtual_kubelet.core.polling import is_told
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import Departing, KnownPod, Stage

MARGIN_SECONDS = 60.0
"""For the batch system to tell the job, beyond the pod's own grace period."""
ASK = Backoff(0.5, 4.0, factor=1.5)

log = get_logger(__name__)


class Departure:
    """`show` brings a pod's status up to date with what was reported of it."""

    def __init__(
        self,
        remote: Remote,
        events: EventRecorder,
        show: Callable[[KnownPod], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._remote = remote
        self._events = events
        self._show = show
        self._clock = clock

    def begin(self, known: KnownPod) -> None:
        """The site took the delete. Only one that answers by UID can be asked what became of the pod."""
        if known.stage is Stage.SUBMITTED and not known.gone and self._remote.batches and pods.runs(known.pod()):
            known.departing = Departing(self._clock())

    async def wait(self, known: KnownPod) -> float | None:
        """Look what the site says; the seconds until the next look, None if there is nothing more to wait for. Raises ApiError."""
        departing = known.departing
        if departing is None or await self._has_ended(known):
            known.departing = None
            return None
        late = self._clock() - departing.since
        if late >= known.grace + MARGIN_SECONDS:
            known.departing = None
            words = f"the site took the delete {late:.0f} s ago and still shows the pod; its job is being removed there"
            self._events.pod(known, "Warning", "ExceededGracePeriod", words)
            log.warning("pod.left_behind", pod_uid=known.uid, pod=known.reference, job=known.job_id)
            return None
        departing.looks += 1
        return ASK.delay(departing.looks)

    async def _has_ended(self, known: KnownPod) -> bool:
        """By the site's word, or because it has forgotten the pod, which it does when there is no job any more."""
        try:
            told = await self._remote.status([slim(known.namespace, known.name, known.uid)])
        except InterlinkError as error:
            log.info("pod.departure_unknown", pod_uid=known.uid, error=error.reason[:500])
            return False
        status = {each.UID: each for each in told if is_told(each)}.get(known.uid)
        if status is None:
            return True
        known.report = msgspec.json.encode(status)
        await self._show(known)
        return known.terminal
