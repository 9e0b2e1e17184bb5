"""What a pod's containers use: by the word of their job, else by the job's ad.

The ad has the worker node's own measurements, which HTCondor brings every few minutes, and only totals of the job. They are told as
those of the first container that runs; a tool that adds up containers, as metrics-server does, is right about the pod then.
"""

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from interlink.protocol.types import ContainerUsage, PodUsage

from condor_sidecar.core.container_status import rfc3339
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import PodView, Running

_KIB = 1024
_NANO = 1_000_000_000


class Measured(NamedTuple):
    """What a job says of a container: CPU time so far, memory now."""

    name: str
    cpu_seconds: float
    memory_bytes: int


def usage_of_job(uid: str, ad: JobAd, measured: Iterable[Measured], taken: float) -> PodUsage | None:
    """The job's own word as of `taken` (seconds since the epoch); None for a job that doesn't run."""
    began = ad.started or ad.first_started
    if ad.status != JobStatus.RUNNING or not began:
        return None
    lasted = max(1.0, taken - began)
    containers = [
        ContainerUsage(
            each.name,
            cpuNanoCores=int(each.cpu_seconds * _NANO / lasted),
            cpuNanoSeconds=int(each.cpu_seconds * _NANO),
            memoryBytes=each.memory_bytes,
        )
        for each in measured
    ]
    if containers:
        containers[0].rootfsBytes = (ad.disk_kib or 0) * _KIB
    return PodUsage(uid, time=_precise(taken), started=rfc3339(began), containers=containers)


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


def _precise(seconds: float) -> str:
    """Rates are made of these times: whole seconds would be too coarse."""
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
