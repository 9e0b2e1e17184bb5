"""Updates of running pods: recompiled by the policy of creates, handed to the pod's job through its channel.

Which ephemeral containers a job was sent is journaled first, since from then on it may send back logs of that name. Whether it has
one, its own record says; a job leaves alone what it has already, so that sending again is always safe.
"""

import asyncio
from collections.abc import Iterable

import msgspec
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow, Rejected
from interlink.protocol.types import RetrievedPodData
from interlink.protocol.uid import required_uid
from service_runtime.logs import get_logger

from condor_sidecar.app.job_channels import ChannelAway, JobChannels, JobFailed, NoChannel, TooLarge
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.compile.update import Update, compile_update
from condor_sidecar.core.policy import Policy
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import JournalError
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import ContainerKind, Rejection
from condor_sidecar.model.pod_record import ContainerRecord

AT_ONCE = 8
RETRY_SECONDS = 10.0

log = get_logger(__name__)


class Updates:
    """New content for pods that run. One at a time for each pod, so that an older one never wins over a newer one."""

    def __init__(self, table: PodTable, channels: JobChannels, policy: Policy) -> None:
        self._table = table
        self._channels = channels
        self._policy = policy
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def apply(self, message: RetrievedPodData) -> None:
        """Raises Rejected for what can't be mounted, NotNow while the job can't be reached, LostTrack where it never can (501)
        or could not do it (500)."""
        pod = self._running(required_uid(message.pod))
        if pod is None:
            return
        async with pod.updating:
            async with self._slots:  # only for what this process does: a job that doesn't answer holds up no other
                update = await asyncio.to_thread(self._compile, message, pod)
            await self._remember(pod, update.added.containers)
            self._table.refuse(pod, update.refused)
            self._table.show(pod)
            live = pod.live.containers if pod.live is not None else ()
            update = update.without(container.name for container in live)
            try:
                await self._channels.update(pod.uid, update)
            except NoChannel as error:
                raise unreachable(str(error)) from error
            except ChannelAway as error:
                raise NotNow(str(error), RETRY_SECONDS) from error
            except TooLarge as error:
                raise Rejected([str(error)]) from error
            except JobFailed as error:
                raise LostTrack(f"the pod's job: {error}", 500) from error
        added = [container.name for container in update.added.containers]
        log.info(
            "pod.updated",
            pod_uid=pod.uid,
            volumes=len(update.volumes),
            deadline=update.deadline_seconds,
            added=added,
            refused=sorted(update.refused),
        )

    async def _remember(self, pod: Pod, containers: Iterable[job.Container]) -> None:
        """Journal them. Raises NotNow."""
        known = pod.container_names
        new = [
            ContainerRecord(each.name, ContainerKind.EPHEMERAL, each.image.name)
            for each in containers
            if each.name not in known
        ]
        if not new:
            return
        pod.record = msgspec.structs.replace(pod.record, ephemeral=(*pod.record.ephemeral, *new))
        try:
            await self._table.journal.update([pod.record])
        except JournalError as error:
            raise NotNow(f"the journal can't be written: {error}", RETRY_SECONDS) from error

    def _running(self, uid: str) -> Pod | None:
        """The pod; None for one that has ended, which needs nothing any more. Raises NotNow."""
        pod = self._table.get(uid)
        if pod is None or pod.deleting:
            raise NotNow(f"no pod with UID {uid} is held here", http_status=404)
        if pod.stage is Stage.ENDED:
            return None
        if pod.ad is None or not pod.ad.has_started:
            raise NotNow("the pod's job has not started", RETRY_SECONDS)
        return pod

    def _compile(self, message: RetrievedPodData, pod: Pod) -> Update:
        record = pod.record
        made = compile_update(
            message, self._policy, wall_seconds=record.wall_seconds, grace_seconds=record.grace_seconds
        )
        if isinstance(made, Rejection):
            raise Rejected(made.reasons)
        return made


def unreachable(why: str) -> InterlinkError:
    """How a caller is told that this pod can't be updated, ever."""
    return LostTrack(why, 501)
