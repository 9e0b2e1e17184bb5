"""The channels as the rest of the service uses them for pods that run: what is new for them, and what containers use."""

import base64
from collections.abc import Mapping

from interlink.protocol.types import PodUsage

from condor_sidecar.app.channel.channels import Channels, UpdateFailed
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_stream import ChannelLost
from condor_sidecar.app.channel.messages import Usage
from condor_sidecar.app.job_channels import ChannelAway
from condor_sidecar.core.compile.update import Update
from condor_sidecar.core.usage import Measured, Sample, usage_of_job
from condor_sidecar.job.supervisor import additions


class RunningPods:
    """JobChannels over the connections of jobs."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def update(self, uid: str, update: Update) -> None:
        """Raises NoChannel, ChannelAway, TooLarge, JobFailed."""
        volumes = {
            name: {path: (mode, base64.b64encode(content).decode()) for path, (mode, content) in files.items()}
            for name, files in update.volumes.items()
        }
        added = additions.encode(update.added)
        try:
            await self._channels.update(uid, volumes=volumes, deadline_seconds=update.deadline_seconds, added=added)
        except (ChannelLost, UpdateFailed) as error:
            raise ChannelAway(str(error)) from error

    def usage(self) -> Mapping[str, PodUsage]:
        """The latest word of each connected job."""
        found = ((connection.pod.uid, _usage(connection)) for connection in self._channels)
        return {uid: usage for uid, usage in found if usage is not None}


def _usage(connection: Connection) -> PodUsage | None:
    told, before, pod = connection.usage, connection.usage_before, connection.pod
    if told is None or pod.ad is None or pod.view is None:
        return None
    return usage_of_job(pod.uid, pod.ad, pod.view, _sample(told), None if before is None else _sample(before))


def _sample(told: Usage) -> Sample:
    measured = (Measured(each.name, each.cpu_seconds, each.memory_bytes) for each in told.containers)
    return Sample(told.time, tuple(measured))
