"""What the job asks of the pool: a pod's requests and limits, as one job's.

A job can't grow: memory and disk are what HTCondor holds the job to, so the larger of request and limit counts. CPU limits are
left to the machine, requests count. Containers run side by side, so their requests add up; init containers run alone but for the
sidecars that were started before them, so the largest such sum counts if it is larger (the rule of Kubernetes' scheduler).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from condor_sidecar.core.compile import quantity
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import Policy
from condor_sidecar.model.plan import ContainerKind

CPU, MEMORY, DISK = "cpu", "memory", "ephemeral-storage"
GPUS: Final = {"nvidia.com/gpu": "nvidia", "amd.com/gpu": "amd"}
MIB: Final = Decimal(1024**2)


@dataclass(frozen=True, slots=True)
class Request:
    """What the job asks for; `gpu` is the resource that its GPUs were asked for by."""

    cpus: int
    memory_mib: int
    disk_mib: int
    gpus: int = 0
    gpu: str = ""


Amounts = dict[str, Decimal]


def amounts(node: Node) -> Amounts:
    """What one container's `resources` ask for, by resource: of request and limit the one that counts."""
    for name, field in node.fields():
        if name not in ("requests", "limits") and field.given:
            field.reject("this field is not supported at this site: remove it")
    found: Amounts = {}
    for kind in ("requests", "limits"):
        for name, field in node[kind].fields():
            amount = _amount(name, field)
            if amount is not None and not (name == CPU and kind == "limits" and name in found):
                found[name] = max(found.get(name, Decimal(0)), amount)
    return found


def limit(node: Node, name: str) -> int | None:
    """A container's limit of one resource, in whole bytes; None for none, which is what 0 means to Kubernetes. What is wrong with
    it, `amounts` has said."""
    value = node["limits"][name].value
    try:
        return quantity.whole(str(value)) or None if value is not None else None
    except ValueError:
        return None


def _amount(name: str, field: Node) -> Decimal | None:
    text = str(field.value) if isinstance(field.value, int) and not isinstance(field.value, bool) else field.text()
    try:
        amount = quantity.parse(text)
    except ValueError as error:
        field.reject(f"{name} {error}")
        return None
    if amount < 0:
        field.reject(f'{name} "{text}" is negative: correct it')
        return None
    if amount and name not in (CPU, MEMORY, DISK, *GPUS):
        field.reject(f'resource "{name}" is not offered at this site: remove it')
        return None
    if name in GPUS and amount != int(amount):
        field.reject(f'{name} "{text}" is not a whole number: correct it')
        return None
    return amount


def gpu_kind(found: Amounts) -> str:
    """Whose GPUs a container uses; "" for none."""
    return next((GPUS[name] for name, amount in found.items() if name in GPUS and amount), "")


def job_request(
    containers: Sequence[tuple[ContainerKind, Amounts]], disk_asked: Decimal, spec: Node, policy: Policy
) -> Request:
    """The job's request, of containers in the pod's order; `disk_asked` (bytes) is a lower bound for the disk from elsewhere.

    `spec` is the `resources` of the pod as a whole: a limit there is the job's whatever its containers' add up to.
    """
    of_pod = amounts(spec)
    whole = {
        name: max(_combined(name, containers), of_pod.get(name, Decimal(0))) for name in (CPU, MEMORY, DISK, *GPUS)
    }
    whole |= {
        name: of_pod[name] for name, field in spec["limits"].fields() if name in (MEMORY, DISK) and of_pod.get(name)
    }
    defaults, limits = policy.resources, policy.limits
    kinds = [name for name in GPUS if whole[name]]
    if len(kinds) > 1:
        spec.reject("a job can have GPUs of one kind only: ask for one of " + ", ".join(GPUS))
    disk = max(whole[DISK], disk_asked)
    request = Request(
        cpus=quantity.ceiling(whole[CPU]) or defaults.cpus,
        memory_mib=(quantity.ceiling(whole[MEMORY] / MIB) or defaults.memory_mib) + defaults.memory_overhead_mib,
        disk_mib=(quantity.ceiling(disk / MIB) or defaults.disk_mib) + defaults.disk_overhead_mib,
        gpus=int(max(whole[name] for name in GPUS)),
        gpu=kinds[0] if kinds else "",
    )
    for what, asked, limit in (
        ("CPUs", request.cpus, limits.cpus),
        ("MiB of memory", request.memory_mib, limits.memory_mib),
        ("MiB of disk", request.disk_mib, limits.disk_mib),
        ("GPUs", request.gpus, limits.gpus),
    ):
        if limit is not None and asked > limit:
            spec.reject(f"the pod asks for {asked} {what}, the largest job of this site has {limit}: ask for less")
    return request


def _combined(name: str, containers: Sequence[tuple[ContainerKind, Amounts]]) -> Decimal:
    beside, most = Decimal(0), Decimal(0)
    for kind, found in containers:
        amount = found.get(name, Decimal(0))
        if kind is ContainerKind.INIT:
            most = max(most, beside + amount)
        else:
            beside += amount
    return max(most, beside)
