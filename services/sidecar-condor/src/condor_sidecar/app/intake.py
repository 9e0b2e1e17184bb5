"""Accepting pods: compile, journal, answer. After the answer a pod is ours, whatever happens to this process."""

import asyncio
import time

from interlink.protocol.errors import NotNow, Rejected
from interlink.protocol.types import CreateReply, RetrievedPodData
from interlink.protocol.uid import required_uid
from service_runtime.logs import get_logger

from condor_sidecar.app.pods import PodTable
from condor_sidecar.app.submitter import Submitter
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.payload import pack
from condor_sidecar.core.policy import Policy
from condor_sidecar.core.submit_batch import UnsafeValue, check
from condor_sidecar.io.journal import JournalError
from condor_sidecar.model.plan import Plan, Rejection
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord
from condor_sidecar.settings import Limits

RETRY_SECONDS = 10.0
SMALL_BYTES = 64 << 10
"""Of a create: as much is compiled in the loop's own turn, in a few milliseconds; what is larger in a thread."""
MOST_COMPILING = 4
"""Large ones at a time: each is in memory several times over."""

log = get_logger(__name__)


class Intake:
    """Creates, idempotent by the pod's UID: asking again gives the same answer and no second job.

    What runs in `tasks` is finished even when the caller hangs up: a journaled pod is always in the table as well.
    """

    def __init__(
        self, table: PodTable, submitter: Submitter, policy: Policy, limits: Limits, tasks: asyncio.TaskGroup
    ) -> None:
        self._table = table
        self._submitter = submitter
        self._policy = policy
        self._limits = limits
        self._tasks = tasks
        self._under_way: dict[str, asyncio.Task[NotNow | None]] = {}
        self._bytes_under_way = 0
        self._compiling = asyncio.Semaphore(MOST_COMPILING)

    async def create(self, message: RetrievedPodData, request: str, size: int) -> CreateReply:
        """Take a pod; `size` is that of the message in bytes. Raises Rejected with every reason, or NotNow while the
        journal can't take it."""
        uid = required_uid(message.pod)
        if self._is_known(uid):
            return CreateReply(uid, f"il-{uid}")
        task = self._under_way.get(uid)
        if task is None:
            record, payload = await self._compiled(message, request, size)
            # that may have taken its time: another create of the same pod, or its delete, may have been quicker
            if self._is_known(uid):
                return CreateReply(uid, f"il-{uid}")
            task = self._under_way.get(uid) or self._begin(record, payload)
        failure = await asyncio.shield(task)
        if failure is not None:
            raise failure
        return CreateReply(uid, f"il-{uid}")

    def _is_known(self, uid: str) -> bool:
        """Whether the pod was taken before. Raises Rejected for one that was deleted."""
        known = self._table.get(uid)
        if known is not None and not known.deleting:
            return True
        if uid in self._table.tombstones:
            raise Rejected([f"pod UID {uid} was deleted here; a deleted pod does not come back"])
        return False

    def _begin(self, record: PodRecord, payload: bytes) -> asyncio.Task[NotNow | None]:
        """Start to journal the pod. Raises NotNow where there is no room."""
        self._check_room(len(payload))
        self._bytes_under_way += len(payload)
        task = self._under_way[record.uid] = self._tasks.create_task(self._accept(record, payload))
        return task

    async def _compiled(self, message: RetrievedPodData, request: str, size: int) -> tuple[PodRecord, bytes]:
        """Raises Rejected."""
        if size <= SMALL_BYTES:
            return self._compile(message, request)
        async with self._compiling:
            return await asyncio.to_thread(self._compile, message, request)

    def _compile(self, message: RetrievedPodData, request: str) -> tuple[PodRecord, bytes]:
        plan = compile_pod(message, self._policy)
        if isinstance(plan, Rejection):
            raise Rejected(plan.reasons)
        record = _record(plan, request, channel=self._policy.channel is not None)
        try:
            check(record)
        except UnsafeValue as error:
            raise Rejected([str(error)]) from error
        return record, pack(plan)

    def _check_room(self, size: int) -> None:
        waiting = self._table.payload_count + len(self._under_way)
        room = self._limits.journal_bytes - self._table.payload_bytes - self._bytes_under_way
        if waiting >= self._limits.journal_pods or size > room:
            raise NotNow(f"the journal is full: {waiting} pods wait for their job to start", RETRY_SECONDS)

    async def _accept(self, record: PodRecord, payload: bytes) -> NotNow | None:
        try:
            await self._table.journal.accept(record, payload)
        except JournalError as error:
            log.error("create.journal_failed", pod_uid=record.uid, reason=str(error))
            return NotNow("the journal can't be written; see the sidecar's log", RETRY_SECONDS)
        finally:
            del self._under_way[record.uid]
            self._bytes_under_way -= len(payload)
        pod = self._table.add(record, len(payload))
        pod.deleting = record.uid in self._table.tombstones  # deleted while it was being journaled
        self._table.show(pod)
        self._submitter.wake.set()
        log.info("pod.accepted", pod_uid=record.uid, request=record.request, plan=record.plan_hash)
        return None


def _record(plan: Plan, request: str, *, channel: bool) -> PodRecord:
    return PodRecord(
        uid=plan.uid,
        namespace=plan.namespace,
        name=plan.name,
        submit=dict(plan.submit),
        containers=tuple(ContainerRecord(c.name, c.kind, c.image, c.probes) for c in plan.containers),
        grace_seconds=plan.grace_seconds,
        wall_seconds=plan.wall_seconds,
        plan_hash=plan.plan_hash,
        accepted_at=time.time(),
        request=request,
        channel=channel,
    )
