"""Pods that belong to nothing any more: of clusters and workers that the database doesn't have, or has as ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from offload_backend.core import names


def orphans(
    pods: Iterable[Mapping[str, Any]], active: Mapping[str, frozenset[str]], now: float, grace: float
) -> list[Mapping[str, Any]]:
    """The pods to delete. `active` has the names of the active workers of each active cluster.

    A pod is left alone for `grace` seconds after it was made, since it may be made before the database says so, and once
    somebody deleted it.
    """
    return [pod for pod in pods if not _belongs(pod, active) and now - _made(pod) > grace and not _leaving(pod)]


def _belongs(pod: Mapping[str, Any], active: Mapping[str, frozenset[str]]) -> bool:
    workers = active.get(names.label(pod, names.CLUSTER_LABEL))
    if workers is None:
        return False
    worker = names.label(pod, names.WORKER_LABEL)
    return not worker or worker in workers


def _made(pod: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()


def _leaving(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
