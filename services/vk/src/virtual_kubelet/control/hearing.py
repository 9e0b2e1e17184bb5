"""Takes in what the other side says of pods, or doesn't; the pods concerned go to the work queue.

Polls and the watch both end up here. Also the way out of doubt: a pod that may or may not have been handed over is free to be
handed over (again) when it was absent from enough answers.
"""

import time
from collections.abc import Callable

import msgspec
from interlink.protocol.types import PodStatus
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.work_queue import WorkQueue
from virtual_kubelet.core.next_step import may_create_again
from virtual_kubelet.core.polling import is_told
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.model.known_pod import Absence, KnownPod, Stage

RECREATE = Backoff(1.0, 60.0)
SILENCE_SECONDS = 300.0
SILENCE = "the site answers, but has said nothing of this pod for minutes; its last known state is shown"

log = get_logger(__name__)


class Hearing:
    """What was said of a pod, and what follows."""

    def __init__(
        self, remote: Remote, queue: WorkQueue, events: EventRecorder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._remote = remote
        self._queue = queue
        self._events = events
        self._clock = clock

    def told(self, pod: KnownPod, status: PodStatus) -> bool:
        """The other side said this of the pod; whether that is news."""
        text = msgspec.json.encode(status)
        if pod.stage is Stage.UNSURE and not is_told(status):
            return self.absent(pod)
        pod.absence = None
        if text == pod.report and pod.stage is not Stage.UNSURE:
            return False
        pod.report = text
        if pod.stage is Stage.UNSURE:
            pod.stage = Stage.SUBMITTED
            pod.job_id = pod.job_id or status.JID or pod.uid
            log.info("pod.adopted", pod_uid=pod.uid, pod=pod.reference, job=pod.job_id)
        self._queue.add(pod.uid)
        return True

    def overheard(self, pod: KnownPod, status: PodStatus) -> None:
        """The other side spoke of a pod that it is just being handed: shown once it has said that it took it."""
        if is_told(status):
            pod.report = msgspec.json.encode(status)

    def absent(self, pod: KnownPod) -> bool:
        """It was asked for and nothing was said. For a pod that was handed over that changes nothing; its owner is told at last."""
        now = self._clock()
        absence = pod.absence = pod.absence or Absence(0, now)
        absence.count += 1
        if pod.stage is not Stage.UNSURE:
            if now - absence.first >= SILENCE_SECONDS:
                pod.absence = None
                self._events.pod(pod, "Warning", "ProviderSilent", SILENCE)
            return False
        if not may_create_again(absence, now, self._remote.idempotent):
            return False
        pod.stage, pod.absence = Stage.FRESH, None
        log.info("pod.unknown_there", pod_uid=pod.uid, pod=pod.reference, lost_creates=pod.lost_creates)
        if pod.lost_creates:
            self._queue.add_after(pod.uid, RECREATE.delay(pod.lost_creates - 1))
        else:
            self._queue.add(pod.uid)
        return True
