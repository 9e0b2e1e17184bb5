"""The channels as the rest of the service uses them for pods that run: new contents for volumes, and what containers use."""

import base64
from collections.abc import Mapping

from interlink.protocol.types import ContainerUsage, PodUsage

from condor_sidecar.app.channel.channels import Channels, UpdateFailed
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_stream import ChannelLost
from condor_sidecar.app.job_channels import ChannelAway, Files
from condor_sidecar.core.container_status import rfc3339
from condor_sidecar.model.pod_view import Running

_NANO = 1_000_000_000


class RunningPods:
    """JobChannels over the connections of jobs."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def update(self, uid: str, volumes: Mapping[str, Files], deadline_seconds: int | None) -> None:
        """Raises ChannelAway."""
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
    """CPU in nanocores is that between the last two words; before there are two, since the pod's start."""
    usage, before = connection.usage, connection.usage_before
    view = connection.pod.view
    if usage is None or view is None:
        return None
    started = min((c.state.started for c in view.containers if isinstance(c.state, Running)), default=usage.time)
    seconds = usage.time - (before.time if before is not None else started)
    earlier = {each.name: each.cpu_seconds for each in before.containers} if before is not None else {}
    containers = [
        ContainerUsage(
            each.name,
            cpuNanoCores=_rate(each.cpu_seconds - earlier.get(each.name, 0.0), seconds),
            cpuNanoSeconds=int(each.cpu_seconds * _NANO),
            memoryBytes=each.memory_bytes,
        )
        for each in usage.containers
    ]
    return PodUsage(connection.pod.uid, time=rfc3339(usage.time), started=rfc3339(started), containers=containers)


def _rate(cpu_seconds: float, seconds: float) -> int:
    return int(max(0.0, cpu_seconds) / seconds * _NANO) if seconds > 0 else 0
