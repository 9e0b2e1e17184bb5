"""Updates of running pods: recompiled by the policy of creates, handed to the pod's job through its channel."""

import asyncio

from interlink.protocol.errors import InterlinkError, LostTrack, NotNow, Rejected
from interlink.protocol.types import RetrievedPodData
from interlink.protocol.uid import required_uid
from service_runtime.logs import get_logger

from condor_sidecar.app.job_channels import ChannelAway, JobChannels, JobFailed, NoChannel, TooLarge
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.compile.update import Update, compile_update
from condor_sidecar.core.policy import Policy
from condor_sidecar.core.state import Stage
from condor_sidecar.model.plan import Rejection

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
            try:
                await self._channels.update(pod.uid, update.volumes, update.deadline_seconds)
            except NoChannel as error:
                raise unreachable(str(error)) from error
            except ChannelAway as error:
                raise NotNow(str(error), RETRY_SECONDS) from error
            except TooLarge as error:
                raise Rejected([str(error)]) from error
            except JobFailed as error:
                raise LostTrack(f"the pod's job: {error}", 500) from error
        log.info("pod.updated", pod_uid=pod.uid, volumes=len(update.volumes), deadline=update.deadline_seconds)

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
