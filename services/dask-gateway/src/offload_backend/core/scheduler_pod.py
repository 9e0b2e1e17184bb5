"""The scheduler's pod: on an ordinary node, from the image of the user's session, owned by the cluster's Secret."""

from offload_backend.core import names, places, pod
from offload_backend.core.command import scheduler_command
from offload_backend.core.container_environment import scheduler_environment
from offload_backend.core.pod import JsonObject
from offload_backend.model.facts import ClusterFacts, Owner
from offload_backend.model.settings import Settings
from offload_backend.model.values import GIB, seconds

_SCRATCH = "10Gi"


def scheduler_pod(settings: Settings, facts: ClusterFacts, secret: Owner) -> JsonObject:
    """The pod to create."""
    cvmfs_volumes, cvmfs_mounts = pod.local_cvmfs(settings)
    container = pod.container(
        facts.image,
        scheduler_command(
            relay=settings.relay is not None,
            heartbeat=settings.timing.heartbeat,
            adaptive_seconds=settings.sites[facts.site].adaptive_seconds,
            idle_seconds=seconds(settings.timing.idle) if settings.timing.idle else 0,
        ),
        scheduler_environment(settings, facts),
        pod.resources(settings.scheduler.cores, settings.scheduler.memory * GIB, {}, settings.scheduler.reserved),
    )
    container["volumeMounts"] = [*pod.mounts(), *cvmfs_mounts]
    container["ports"] = [
        {"name": "scheduler", "containerPort": places.SCHEDULER_PORT},
        {"name": "dashboard", "containerPort": places.DASHBOARD_PORT},
        {"name": "api", "containerPort": places.API_PORT},
    ]
    spec = pod.frame(settings) | {
        "containers": [container],
        "volumes": [*pod.volumes(settings, facts.name, pod.SCHEDULER_FILES, _SCRATCH), *cvmfs_volumes],
        "securityContext": pod.restricted(settings, chooses_ids=True),
    }
    if settings.pods.scheduler_node_selector:
        spec["nodeSelector"] = dict(settings.pods.scheduler_node_selector)
    if settings.pods.scheduler_tolerations:
        spec["tolerations"] = list(settings.pods.scheduler_tolerations)
    meta = pod.metadata(settings, facts, names.SCHEDULER_ROLE, secret)
    # an autoscaler that moves it ends the cluster
    meta["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
