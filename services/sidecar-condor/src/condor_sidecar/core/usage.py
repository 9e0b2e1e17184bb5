"""What a pod's containers use: by the word of their job, else by the job's ad.

The ad has the worker node's own measurements, which HTCondor brings every few minutes, and only totals of the job. They are told as
those of the first container that runs; a tool that adds up containers, as metrics-server does, is right about the pod then.
"""

import datetime
from typing import NamedTuple

from interlink.protocol.types import ContainerUsage, PodUsage

from condor_sidecar.core.container_status import rfc3339
from condor_sidecar.model.job_ad import JobAd, JobStatus
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import PodView, Running

_KIB = 1024
_NANO = 1_000_000_000


class Measured(NamedTuple):
    """What a job says of a container: CPU time of its present run so far, memory now."""

    name: str
    cpu_seconds: float
    memory_bytes: int


class Sample(NamedTuple):
    """A job's word on all its containers, as of `taken` (seconds since the epoch, the worker's clock)."""

    taken: float
    containers: tuple[Measured, ...]


def usage_of_job(uid: str, ad: JobAd, view: PodView, now: Sample, before: Sample | None) -> PodUsage | None:
    """By the job's own word and its word before; None for a job that doesn't run. `view` says since when each container runs."""
    began = ad.started or ad.first_started
    if ad.status != JobStatus.RUNNING or not began:
        return None
    every = (*view.containers, *view.ephemeral)
    since = {each.name: each.state.started for each in every if isinstance(each.state, Running)}
    earlier = {each.name: each.cpu_seconds for each in before.containers} if before is not None else {}
    containers = []
    for each in now.containers:
        started = since.get(each.name, float(began))
        if started > now.taken:
            continue  # it was started again since then
        used, lasted = each.cpu_seconds, now.taken - started
        if before is not None and started <= before.taken < now.taken and 0 <= earlier.get(each.name, -1.0) <= used:
            used, lasted = used - earlier[each.name], now.taken - before.taken
        containers.append(
            ContainerUsage(
                each.name,
                cpuNanoCores=int(used * _NANO / max(1.0, lasted)),
                cpuNanoSeconds=int(each.cpu_seconds * _NANO),
                memoryBytes=each.memory_bytes,
                started=_precise(started),
            )
        )
    if containers:
        containers[0].rootfsBytes = (ad.disk_kib or 0) * _KIB
    return PodUsage(uid, time=_precise(now.taken), started=rfc3339(began), containers=containers)


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
