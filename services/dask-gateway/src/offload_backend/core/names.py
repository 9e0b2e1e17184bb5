"""Names and labels of what belongs to a cluster. Names follow from the database, so that making something twice makes it once."""

from collections.abc import Mapping
from typing import Any, Final

INSTANCE_LABEL: Final = "offload.highrate/gateway"
CLUSTER_LABEL: Final = "offload.highrate/cluster"
WORKER_LABEL: Final = "offload.highrate/worker"
ROLE_LABEL: Final = "app.kubernetes.io/component"
USER_ANNOTATION: Final = "offload.highrate/user"
SITE_ANNOTATION: Final = "offload.highrate/site"

SCHEDULER_ROLE: Final = "dask-scheduler"
WORKER_ROLE: Final = "dask-worker"
SECRET_ROLE: Final = "dask-credentials"  # noqa: S105 - a label
CONTAINER: Final = "dask"


def secret_name(cluster: str) -> str:
    return f"dask-credentials-{cluster}"


def scheduler_name(cluster: str) -> str:
    return f"dask-scheduler-{cluster}"


def worker_pod_name(worker: str) -> str:
    return f"dask-worker-{worker}"


def labels(instance: str, cluster: str, role: str, worker: str = "") -> dict[str, str]:
    """The labels by which everything of a cluster is found again."""
    found = {
        "app.kubernetes.io/name": "dask",
        ROLE_LABEL: role,
        "app.kubernetes.io/managed-by": "offload-backend",
        "app.kubernetes.io/part-of": "highrate",
        INSTANCE_LABEL: instance,
        CLUSTER_LABEL: cluster,
    }
    return found | ({WORKER_LABEL: worker} if worker else {})


def of_instance(instance: str) -> str:
    """The selector of all pods of a gateway."""
    return f"{INSTANCE_LABEL}={instance}"


def of_cluster(instance: str, cluster: str) -> str:
    """The selector of all that belongs to a cluster."""
    return f"{of_instance(instance)},{CLUSTER_LABEL}={cluster}"


def of_no_cluster(instance: str, known: list[str]) -> str:
    """The selector of what belongs to none of the clusters `known`."""
    return of_instance(instance) + (f",{CLUSTER_LABEL} notin ({','.join(sorted(known))})" if known else "")


def label(found: Mapping[str, Any], name: str) -> str:
    """The label `name` of an object; "" if it has none."""
    value = ((found.get("metadata") or {}).get("labels") or {}).get(name, "")
    return value if isinstance(value, str) else ""
