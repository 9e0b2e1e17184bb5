"""Hands a pod over to the other side: everything it needs is fetched, then one create, whose answer decides how it goes on."""

import time
from collections.abc import Callable

from interlink.protocol.errors import InterlinkError, LostTrack, NoConnection, NotNow, Rejected
from service_runtime.logs import get_logger

from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.status_writer import StatusWriter
from virtual_kubelet.control.work_queue import PutOff, at_least_a_moment
from virtual_kubelet.core import status
from virtual_kubelet.core.admission import check_waiting, refusal
from virtual_kubelet.core.create_request import Translation, create_request, needed_objects
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.in_place import made_of
from virtual_kubelet.core.left_out import left_out
from virtual_kubelet.core.next_step import LOST_CREATES_LIMIT
from virtual_kubelet.core.object_store import MissingObjectError, ObjectStore
from virtual_kubelet.core.refresh import delivered, wanted
from virtual_kubelet.core.status import PROVIDER_FAILED
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.core.volumes import VolumePolicy, token_requests
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.known_pod import KnownPod, Stage
from virtual_kubelet.model.pod import JsonObject

WAITING = "ProviderNotReady"

log = get_logger(__name__)


class Handover:
    """Turns FRESH pods into SUBMITTED, REFUSED or UNSURE ones."""

    def __init__(
        self,
        *,
        remote: Remote,
        reader: ObjectReader,
        writer: StatusWriter,
        events: EventRecorder,
        translation: Translation,
        node: Callable[[], NodeFacts],
    ) -> None:
        self._remote = remote
        self._reader = reader
        self._writer = writer
        self._events = events
        self._translation = translation
        self._node = node

    async def create(self, known: KnownPod) -> None:
        """One attempt. Raises PutOff while the pod has to wait, ApiError."""
        pod = known.pod()
        policy = self._translation.volumes
        refused = refusal(pod, PROVIDER_FAILED)
        if refused is not None:
            self._refuse(known, refused.sentences, refused.reason)
            return
        try:
            check_waiting(pod)
            store = await self._reader.fetch(pod, needed_objects(pod, policy), token_requests(pod, policy))
            request = create_request(pod, store, self._node(), self._translation)
            self._tell_missing_pull_secrets(known, pod, store)
        except MissingObjectError as error:
            self._events.pod(known, "Warning", error.event, _as_event(error))
            await self._wait(known, error.reason, str(error))
            raise PutOff("missing object") from error
        if known.lost_creates:
            again = f"the site does not know the pod, submitting it again (attempt {known.lost_creates + 1})"
            self._events.pod(known, "Normal", "ProviderRetry", again)
        # from here until there is an answer, nobody knows
        offered_before = known.offered
        known.stage, known.creating, known.offered = Stage.UNSURE, True, True
        known.made = made_of(pod)
        try:
            reply = await self._remote.create(request)
        except Rejected as error:
            self._refuse(known, error.reasons)
        except NotNow as error:
            known.stage = Stage.FRESH
            known.offered = offered_before or not isinstance(error, NoConnection)
            self._events.pod(known, "Warning", "ProviderNotNow", f"not submitted yet, trying again: {error.reason}")
            log.info("pod.not_now", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
            await self._wait(known, WAITING, error.reason)
            raise PutOff("not now", at_least_a_moment(error.retry_after)) from error
        except InterlinkError as error:
            self._lost(known, error)
        else:
            known.delivered = (
                delivered(pod, store, self._node(), self._translation) if _may_change(pod, policy) else None
            )
            self._accepted(known, reply.PodUID, reply.PodJID)
            for sentence in left_out(pod, policy):
                self._events.pod(known, "Warning", "LeftOut", sentence)
        finally:
            known.creating = False

    def _accepted(self, known: KnownPod, uid: str, job_id: str) -> None:
        if uid != known.uid:
            self._lost(known, LostTrack(f'the answer to a create is about another pod, "{uid}"'))
            return
        known.stage, known.job_id, known.waiting = Stage.SUBMITTED, job_id or known.uid, None
        self._events.pod(known, "Normal", "Submitted", f"handed over to the site as job {known.job_id}")
        log.info("pod.submitted", pod_uid=known.uid, pod=known.reference, job=known.job_id)

    def _tell_missing_pull_secrets(self, known: KnownPod, pod: JsonObject, store: ObjectStore) -> None:
        there = {secret["metadata"].get("name") for secret in store.pull_secrets}
        wanted = [reference.get("name", "") for reference in pod["spec"].get("imagePullSecrets") or []]
        missing = ", ".join(name for name in wanted if name and name not in there)
        if missing:
            message = (
                f"Unable to retrieve some image pull secrets ({missing}); attempting to pull the image may not succeed."
            )
            self._events.pod(known, "Warning", "FailedToRetrieveImagePullSecret", message)

    def _refuse(self, known: KnownPod, reasons: tuple[str, ...], reason: str = PROVIDER_FAILED) -> None:
        known.stage, known.refusal, known.refusal_reason = Stage.REFUSED, reasons, reason
        self._events.pod(known, "Warning", reason, "; ".join(reasons))
        log.info("pod.refused", pod_uid=known.uid, pod=known.reference, reasons=reasons)

    def _lost(self, known: KnownPod, error: InterlinkError) -> None:
        """Nobody knows whether the job exists; the pod stays UNSURE until the other side was asked."""
        known.lost_creates += 1
        known.absence = None
        log.warning("pod.lost_track", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
        if not self._remote.idempotent and known.lost_creates >= LOST_CREATES_LIMIT:
            self._refuse(known, (error.reason,))
            return
        self._events.pod(
            known, "Warning", "ProviderLostTrack", f"no clear answer to the submission, asking: {error.reason}"
        )

    async def _wait(self, known: KnownPod, reason: str, message: str) -> None:
        """Show why the pod waits; once, as long as the reason stays the same."""
        if known.waiting == (reason, message):
            return
        pod = known.pod()
        address = self._node().address
        await self._writer.write(known, pod, status.waiting(pod, reason, message, address, rfc3339(time.time())))
        known.waiting = (reason, message)


def _may_change(pod: JsonObject, policy: VolumePolicy) -> bool:
    return not wanted(pod, policy).nothing


def _as_event(error: MissingObjectError) -> str:
    return f"Error: {error}" if error.event == "Failed" else str(error)
