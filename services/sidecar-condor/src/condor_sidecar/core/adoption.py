"""A pod that only the schedd remembers: its record rebuilt from its job's attributes.

The journal is on a volume that can be lost; the jobs aren't.
"""

from interlink.protocol.uid import UID

from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.plan import CONTAINER_NAME, ContainerKind
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord

_KINDS = {kind.value[0]: kind for kind in ContainerKind}


def adopt(ad: JobAd) -> PodRecord | None:
    """The record of `ad`'s pod; None if the attributes don't describe one."""
    if not UID.fullmatch(ad.uid):
        return None
    containers = []
    for word in (ad.containers or "").split():
        letter, _, rest = word.partition(":")
        name, _, probes = rest.partition(":")
        if letter not in _KINDS or not CONTAINER_NAME.fullmatch(name):
            return None
        containers.append(ContainerRecord(name, _KINDS[letter], probes=probes))
    if not containers:
        return None
    return PodRecord(
        uid=ad.uid,
        namespace=ad.namespace or "",
        name=ad.name or "",
        submit={},
        containers=tuple(containers),
        grace_seconds=ad.grace_seconds or 30,
        wall_seconds=ad.wall_seconds or 0,
        plan_hash=ad.plan_hash or "",
        accepted_at=float(ad.queued or 0),
        generation=ad.generation,
        attempted=True,
    )
