"""What a job uses by its ad: the worker node's own measurements, which HTCondor brings every few minutes.

Only totals of the job are known. They are told as those of the first container that runs; a tool that adds up containers, as
metrics-server does, is right about the pod then.
"""

from interlink.protocol.types import ContainerUsage, PodUsage

from condor_sidecar.core.container_status import rfc3339
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import PodView, Running

_KIB = 1024
_NANO = 1_000_000_000


def usage_of_ad(uid: str, ad: JobAd, view: PodView, measured: float) -> PodUsage | None:
    """The usage as of `measured` (seconds since the epoch); None while the job doesn't run or nothing was measured."""
    began = ad.started or ad.first_started
    running = [each for each in view.containers if isinstance(each.state, Running)]
    if ad.status != JobStatus.RUNNING or not began or not running or not any(ad.usage):
        return None
    container = next((each for each in running if each.kind is ContainerKind.MAIN), running[0])
    cpu = ((ad.user_cpu or 0) + (ad.system_cpu or 0)) * _NANO
    used = ContainerUsage(
        container.name,
        cpuNanoCores=int(cpu / max(1.0, measured - began)),
        cpuNanoSeconds=cpu,
        memoryBytes=(ad.resident_kib or 0) * _KIB,
        rootfsBytes=(ad.disk_kib or 0) * _KIB,
    )
    return PodUsage(uid, time=rfc3339(measured), started=rfc3339(began), containers=[used])
