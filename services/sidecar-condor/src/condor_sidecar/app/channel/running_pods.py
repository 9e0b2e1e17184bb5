"""The channels as the rest of the service uses them for pods that run: new contents for volumes, and what containers use."""

import base64
from collections.abc import Mapping

from interlink.protocol.types import PodUsage

from condor_sidecar.app.channel.channels import Channels, UpdateFailed
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_stream import ChannelLost
from condor_sidecar.app.job_channels import ChannelAway, Files
from condor_sidecar.core.usage import Measured, usage_of_job


class RunningPods:
    """JobChannels over the connections of jobs."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def update(self, uid: str, volumes: Mapping[str, Files], deadline_seconds: int | None) -> None:
        """Raises NoChannel, ChannelAway, TooLarge, JobFailed."""
        encoded = {
            name: {path: (mode, base64.b64encode(content).decode()) for path, (mode, content) in files.items()}
            for name, files in volumes.items()
        }
        try:
            await self._channels.update(uid, encoded, deadline_seconds)
        except (ChannelLost, UpdateFailed) as error:
            raise ChannelAway(str(error)) from error

    def usage(self) -> Mapping[str, PodUsage]:
        """The latest word of each connected job."""
        found = ((connection.pod.uid, _usage(connection)) for connection in self._channels)
        return {uid: usage for uid, usage in found if usage is not None}


def _usage(connection: Connection) -> PodUsage | None:
    told, pod = connection.usage, connection.pod
    if told is None or pod.ad is None:
        return None
    measured = [Measured(each.name, each.cpu_seconds, each.memory_bytes) for each in told.containers]
    return usage_of_job(pod.uid, pod.ad, measured, told.time)
