"""Drives each pod: asks what to do next (core.next_step), does it, and asks again until there is nothing left to do now."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow
from interlink.protocol.types import PodStatus
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet.control.departure import Departure
from virtual_kubelet.control.handover import Handover
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.status_writer import StatusWriter
from virtual_kubelet.control.work_queue import PutOff, WorkQueue, at_least_a_moment
from virtual_kubelet.core import status
from virtual_kubelet.core.create_request import as_sent
from virtual_kubelet.core.in_place import first_seen, unfollowed, with_resize
from virtual_kubelet.core.next_step import Step, grace, held_remotely, let_go, next_step
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.site_events import news, numbers
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.model.known_pod import KnownPod
from virtual_kubelet.model.pod import JsonObject, pod_path

LANES = {"create": 32, "delete": 24, "leave": 16, "write": 32}
RETRY = Backoff(1.0, 60.0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hands:
    """What the controller acts with."""

    api: ApiServer
    remote: Remote
    events: EventRecorder
    handover: Handover
    writer: StatusWriter


class PodController:
    """One per node. `ask` has the other side asked soon about pods that it may or may not hold."""

    def __init__(
        self,
        registry: Registry,
        hands: Hands,
        ask: Callable[[], None],
        host_ip: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._hands = hands
        self._ask = ask
        self._host_ip = host_ip
        self._begun = time.time()
        self._departure = Departure(hands.remote, hands.events, self._show, clock)
        self.queue = WorkQueue(self._handle, LANES, self._lane, RETRY)

    def _lane(self, uid: str) -> str:
        pod = self._registry.get(uid)
        step = next_step(pod) if pod is not None else Step.NOTHING
        if step is Step.CREATE:
            return "create"
        if step is Step.SEE_OFF:
            return "leave"
        return "delete" if step in (Step.DELETE_JOB, Step.REMOVE_OBJECT) else "write"

    async def _handle(self, uid: str) -> float | None:
        done: Step | None = None
        while (pod := self._registry.get(uid)) is not None:
            step = next_step(pod)
            if step is Step.NOTHING or step is done:
                return None
            try:
                wait = await self._do(step, pod)
            except ApiError as error:
                log.warning("pod.api_failed", pod_uid=uid, step=step.name, status=error.status, error=error.message)
                raise PutOff("api") from error
            if wait is not None or step in (Step.ASK, Step.SHOW, Step.FAIL):
                return wait
            done = step
        return None

    async def _do(self, step: Step, pod: KnownPod) -> float | None:
        """Take one step; the seconds after which to come back anyhow."""
        match step:
            case Step.CREATE:
                await self._hands.handover.create(pod)
            case Step.ASK:
                self._ask()
            case Step.SHOW:
                await self._show(pod)
            case Step.FAIL:
                await self._fail(pod)
            case Step.DELETE_JOB:
                await self._delete_job(pod)
            case Step.SEE_OFF:
                return await self._departure.wait(pod)
            case Step.REMOVE_OBJECT:
                await self._remove_object(pod)
            case Step.FORGET:
                self._registry.forget(pod.uid)
                log.info("pod.forgotten", pod_uid=pod.uid, pod=pod.reference)
            case Step.NOTHING:
                pass
        return None

    async def _show(self, known: KnownPod) -> None:
        report = msgspec.json.decode(known.report, type=PodStatus) if known.report else None
        pod = known.pod()
        if report is not None:
            self._tell(known, pod, report)
        now = rfc3339(time.time())
        shown = self._with_unfollowed(
            known, pod, status.next_status(pod, report, self._host_ip, now, known.obstacles), now
        )
        await self._hands.writer.write(known, pod, shown)

    def _with_unfollowed(self, known: KnownPod, pod: JsonObject, shown: JsonObject, now: str) -> JsonObject:
        """Say, once, which changes of the pod its job can't follow."""
        known.made = known.made or first_seen(pod)
        changes = unfollowed(known.made, pod)
        for change in changes:
            if change.message not in known.told_unfollowed:
                self._hands.events.pod(known, "Warning", change.reason, change.message)
        known.told_unfollowed = tuple(change.message for change in changes)
        return with_resize(shown, known.made, pod, now)

    def _tell(self, known: KnownPod, pod: JsonObject, report: PodStatus) -> None:
        """Write what the site says that happened."""
        for each in news(pod, report, known.told_events, self._begun if known.inherited else None):
            self._hands.events.pod(known, each.kind, each.reason, each.message, part=each.part, when=each.when)
        known.told_events = numbers(report)

    async def _fail(self, known: KnownPod) -> None:
        pod = known.pod()
        message = "\n".join(known.refusal)
        failed = status.refused(pod, message, self._host_ip, rfc3339(time.time()), known.refusal_reason)
        await self._hands.writer.write(known, pod, failed)

    async def _delete_job(self, known: KnownPod) -> None:
        first = known.delete_taken is None and not known.delete_failures
        if first and held_remotely(known) and not known.terminal and not known.gone:
            self._hands.events.pod(known, "Normal", "Killing", f"ending job {known.job_id or known.uid} at the site")
        pod, granted = as_sent(known.pod()), grace(known)
        if granted != known.grace:
            pod["metadata"]["deletionGracePeriodSeconds"] = granted
        try:
            await self._hands.remote.delete(pod)
        except InterlinkError as error:
            self._delete_failed(known, error)
        else:
            log.info("pod.job_deleted", pod_uid=known.uid, pod=known.reference, job=known.job_id)
            self._departure.begin(known)
        known.delete_taken = granted

    def _delete_failed(self, known: KnownPod, error: InterlinkError) -> None:
        if not isinstance(error, NotNow) or not held_remotely(known):
            known.delete_failures += 1
        remote = self._hands.remote
        if let_go(known, remote.idempotent or not remote.heard):
            message = f"gave up deleting a job that may not exist; look for it at the site: {error.reason}"
            self._hands.events.pod(known, "Warning", "ProviderDeleteGivenUp", message)
            log.warning("pod.let_go", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
            return
        log.warning("pod.delete_failed", pod_uid=known.uid, pod=known.reference, error=error.reason[:500])
        if not known.gone:
            why = "not now" if isinstance(error, NotNow) else "failed"
            message = f"deleting the job: {why}, trying again: {error.reason}"
            self._hands.events.pod(known, "Warning", "ProviderDeleteFailed", message)
        wait = at_least_a_moment(error.retry_after) if isinstance(error, NotNow) else None
        raise PutOff("lost delete" if isinstance(error, LostTrack) else "delete", wait) from error

    async def _remove_object(self, known: KnownPod) -> None:
        """Take the pod from the API server. Whoever holds it by a finalizer gets to see an end first."""
        pod = known.pod()
        if pod["metadata"].get("finalizers") and not known.terminal:
            await self._hands.writer.write(known, pod, status.deleted(pod, self._host_ip, rfc3339(time.time())))
        precondition = {"preconditions": {"uid": known.uid}, "gracePeriodSeconds": 0}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **precondition}
        try:
            await self._hands.api.delete(pod_path(known.namespace, known.name), body)
        except ApiError as error:
            if not (error.absent or error.conflict):
                raise
        known.removed = True
