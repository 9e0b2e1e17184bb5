"""What the database keeps of a cluster's configuration beside dask-gateway's own: what its pods are made of."""

from dask_gateway_server.backends.base import ClusterConfig
from dask_gateway_server.backends.db_base import Cluster
from traitlets import Dict, Integer, Unicode

from offload_backend.core.budget import Share, UserLimits, WorkerSize
from offload_backend.core.choice import Choice
from offload_backend.core.command import SCHEDULER_COMMAND, WORKER_COMMAND
from offload_backend.core.offer import Offer
from offload_backend.model.facts import ClusterFacts
from offload_backend.model.settings import Settings
from offload_backend.model.values import GIB, seconds


class OffloadClusterConfig(ClusterConfig):  # type: ignore[misc] # dask-gateway is untyped
    image = Unicode(help="For ordinary nodes.")
    site_image = Unicode(help="For jobs at sites.")
    site = Unicode(help="Where workers run.")
    gpus = Integer(0, help="Of a worker.")
    wall_seconds = Integer(None, allow_none=True, help="How long a worker lives at most.")
    user_limits = Dict(help="workers, cores and memory (GiB) of all clusters of the user together.")


def configuration(settings: Settings, offer: Offer, choice: Choice) -> dict[str, object]:
    """The values of the traits for a choice."""
    limits, place = offer.limits, offer.sites[choice.site]
    own = min(
        limits.workers,
        limits.cores // choice.worker_cores,
        limits.memory * GIB // choice.worker_memory,
    )
    return {
        "scheduler_cmd": list(SCHEDULER_COMMAND),
        "worker_cmd": list(WORKER_COMMAND),
        "worker_cores": choice.worker_cores,
        "worker_memory": choice.worker_memory,
        "cluster_max_workers": own,
        "environment": dict(choice.environment),
        "adaptive_period": place.adaptive_seconds,
        "idle_timeout": float(seconds(settings.timing.idle)) if settings.timing.idle else 0.0,
        "image": choice.image.reference,
        "site_image": choice.image.at_sites,
        "site": choice.site,
        "gpus": choice.gpus,
        "wall_seconds": choice.wall_seconds,
        "user_limits": {"workers": limits.workers, "cores": limits.cores, "memory": limits.memory},
    }


def facts(cluster: Cluster) -> ClusterFacts:
    config = cluster.config
    return ClusterFacts(
        name=cluster.name,
        user=cluster.username,
        image=config.image,
        site_image=config.site_image,
        site=config.site,
        worker_cores=config.worker_cores,
        worker_memory=config.worker_memory,
        gpus=config.gpus,
        wall_seconds=config.wall_seconds,
        environment=dict(config.environment),
    )


def size(cluster: Cluster) -> WorkerSize:
    return WorkerSize(cluster.config.worker_cores, cluster.config.worker_memory, cluster.config.gpus)


def share(cluster: Cluster) -> Share:
    """What a cluster has, or has asked for and will get."""
    return Share(max(cluster.count, len(cluster.active_workers())), size(cluster))


def user_limits(cluster: Cluster) -> UserLimits:
    return UserLimits(**cluster.config.user_limits)
