"""A worker's pod: on an ordinary node, or on a virtual one, where it becomes a job of the site's batch system.

Owned by the scheduler's pod: whatever takes that away takes the workers along, also while the gateway is down.
"""

from typing import Any

from offload_backend.core import names, places, pod
from offload_backend.core.command import worker_command
from offload_backend.core.container_environment import worker_environment
from offload_backend.core.pod import JsonObject
from offload_backend.model.facts import ClusterFacts, Owner
from offload_backend.model.limits import Place
from offload_backend.model.settings import Settings

# of the virtual kubelet and of the HTCondor sidecar. Its other taint, of a site that can't be reached, is not borne: a worker
# waits better without a node, where taking it away asks nobody
NO_SCHEDULE_TAINT = "virtual-node.interlink/no-schedule"
WALL_TIME_ANNOTATION = "htcondor-job.vk.io/max-walltime"
HOST_NAME_LABEL = "kubernetes.io/hostname"


def worker_pod(settings: Settings, facts: ClusterFacts, worker: str, scheduler: Owner, address: str) -> JsonObject:
    """The pod to create; `address` is what the worker dials."""
    place = settings.sites[facts.site]
    at_site = place.node is not None
    more_volumes, more_mounts = _site_cvmfs(place) if at_site else pod.local_cvmfs(settings)
    container = pod.container(
        facts.site_image if at_site else facts.image,
        worker_command(facts, worker, address, relay=settings.relay is not None),
        worker_environment(settings, facts),
        _resources(place, facts),
    )
    container["volumeMounts"] = [*pod.mounts(), *more_mounts]
    spec = pod.frame(settings) | {
        "containers": [container],
        "volumes": [*pod.volumes(settings, facts.name, pod.WORKER_FILES, place.scratch), *more_volumes],
        "securityContext": pod.restricted(settings, chooses_ids=not at_site),
        **_where(place),
    }
    meta = pod.metadata(settings, facts, names.WORKER_ROLE, scheduler, worker)
    if facts.wall_seconds is not None and at_site:
        meta["annotations"][WALL_TIME_ANNOTATION] = str(facts.wall_seconds)
    elif facts.wall_seconds is not None:
        spec["activeDeadlineSeconds"] = facts.wall_seconds
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _where(place: Place) -> JsonObject:
    """Node selector and tolerations."""
    selector, tolerations = dict(place.node_selector), list[dict[str, Any]](place.tolerations)
    if place.node is not None:
        selector[HOST_NAME_LABEL] = place.node
        tolerations.append({"key": NO_SCHEDULE_TAINT, "operator": "Exists"})
    found: JsonObject = {}
    if selector:
        found["nodeSelector"] = selector
    if tolerations:
        found["tolerations"] = tolerations
    return found


def _resources(place: Place, facts: ClusterFacts) -> JsonObject:
    gpus = {place.gpu_resource: str(facts.gpus)} if facts.gpus else {}
    found = pod.resources(facts.worker_cores, facts.worker_memory, gpus, place.reserved)
    # asked for, not limited: the volume's own limit ends a worker that spills too much
    found["requests"]["ephemeral-storage"] = place.scratch
    return found


def _site_cvmfs(place: Place) -> tuple[list[JsonObject], list[JsonObject]]:
    if not place.cvmfs:
        return [], []
    return (
        [{"name": "cvmfs", "hostPath": {"path": places.CVMFS}}],
        [{"name": "cvmfs", "mountPath": places.CVMFS, "readOnly": True}],
    )
