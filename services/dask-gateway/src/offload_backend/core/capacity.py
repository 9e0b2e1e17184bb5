"""What a site can hold: what its virtual node offers, less what workers of other clusters have asked of it.

Only pods of this gateway are seen; what other users of the batch system take shows as a queue. The number is the most that could
ever run, and what adaptive scaling should not go beyond; it says nothing about when.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from offload_backend.core.budget import Share, WorkerSize
from offload_backend.model.limits import Place


def fits(place: Place, node: Mapping[str, Any] | None, size: WorkerSize, others: Iterable[Share]) -> int | None:
    """How many workers of `size` fit beside `others`, which are at the same place; None where nothing is known of it.

    `node` is the Node object, None if it couldn't be read.
    """
    shares = list(others)
    workers = sum(share.workers for share in shares)
    bounds = []
    amounts = ((node or {}).get("status") or {}).get("allocatable") or {}
    wanted = {
        "cpu": (size.cores, sum(share.workers * share.size.cores for share in shares)),
        "memory": (size.memory, sum(share.workers * share.size.memory for share in shares)),
        "pods": (1, workers),
        place.gpu_resource: (size.gpus, sum(share.workers * share.size.gpus for share in shares)),
    }
    for resource, (each, used) in wanted.items():
        if each and resource in amounts:
            bounds.append((int(amount(amounts[resource])) - used) // each)
        elif each and amounts and resource == place.gpu_resource:
            bounds.append(0)
    return max(0, min(bounds)) if bounds else None


def amount(text: str) -> float:
    """The number of a quantity as the API server writes it."""
    return float(parse_quantity(text))  # type: ignore[no-untyped-call]


def unreachable(node: Mapping[str, Any] | None) -> str | None:
    """What the virtual node says where its site can't be reached: workers then wait."""
    for condition in ((node or {}).get("status") or {}).get("conditions") or ():
        if condition.get("type") == "InterlinkConnectivity" and condition.get("status") == "False":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
    return None
