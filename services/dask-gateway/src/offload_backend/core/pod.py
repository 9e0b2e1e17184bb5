"""What scheduler and worker pods have in common: metadata, volumes, and the restricted Pod Security standard."""

from collections.abc import Mapping, Sequence
from typing import Any

from offload_backend.core import names, places
from offload_backend.model.facts import ClusterFacts, Owner
from offload_backend.model.settings import Settings

JsonObject = dict[str, Any]
_RUN_SIZE = "16Mi"  # tokens and a proxy certificate
GRACE_SECONDS = 30

SCHEDULER_FILES = (
    places.CERTIFICATE,
    places.KEY,
    places.API_TOKEN,
    places.LISTEN_TICKET,
    places.DIAL_TICKET,
    places.RELAY_CA,
)
# nothing at a site speaks for the cluster towards the gateway
WORKER_FILES = tuple(file for file in SCHEDULER_FILES if file != places.API_TOKEN)


def metadata(settings: Settings, facts: ClusterFacts, role: str, owner: Owner, worker: str = "") -> JsonObject:
    """`owner` going away, however, takes the pod along."""
    name = names.worker_pod_name(worker) if worker else names.scheduler_name(facts.name)
    return {
        "name": name,
        "namespace": settings.namespace,
        "labels": {**settings.pods.labels, **names.labels(settings.instance, facts.name, role, worker)},
        "annotations": {names.USER_ANNOTATION: facts.user, names.SITE_ANNOTATION: facts.site},
        "ownerReferences": [{"apiVersion": "v1", "kind": owner.kind, "name": owner.name, "uid": owner.uid}],
    }


def restricted(settings: Settings, *, chooses_ids: bool) -> JsonObject:
    """The pod's security context; at a site the processes belong to the job's account, which nobody chooses."""
    context: JsonObject = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if chooses_ids:
        uid, gid = settings.pods.uid, settings.pods.gid
        context |= {"runAsUser": uid, "runAsGroup": gid, "fsGroup": gid, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def container_restricted() -> JsonObject:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        # at a site, to let an image be written to means to look at each of its folders first
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def frame(settings: Settings) -> JsonObject:
    """The fields of a spec that no pod of a cluster goes without."""
    spec: JsonObject = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
    }
    if settings.pods.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.pods.image_pull_secrets]
    return spec


def container(image: str, command: Sequence[str], environment: list[JsonObject], resources: JsonObject) -> JsonObject:
    return {
        "name": names.CONTAINER,
        "image": image,
        # the image's own entrypoint starts a session
        "command": list(command),
        "workingDir": places.SCRATCH,
        "env": environment,
        "resources": resources,
        "securityContext": container_restricted(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def volumes(settings: Settings, cluster: str, files: Sequence[str], scratch: str) -> list[JsonObject]:
    """`files` are those of the Secret that the pod may read, as far as there are such with these settings."""
    items = [{"key": file, "path": file} for file in files if _exists(settings, file)]
    credentials = {"secretName": names.secret_name(cluster), "defaultMode": 0o440, "items": items}
    return [
        {"name": "credentials", "secret": credentials},
        {"name": "scratch", "emptyDir": {"sizeLimit": scratch}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": _RUN_SIZE}},
    ]


def _exists(settings: Settings, file: str) -> bool:
    if file in (places.LISTEN_TICKET, places.DIAL_TICKET):
        return settings.relay is not None
    return file != places.RELAY_CA or (settings.relay is not None and settings.relay.ca_file is not None)


def mounts() -> list[JsonObject]:
    return [
        {"name": "credentials", "mountPath": places.CREDENTIALS, "readOnly": True},
        {"name": "scratch", "mountPath": places.SCRATCH},
        # of the same volume, so that both together have its size
        {"name": "scratch", "mountPath": places.TMP, "subPath": ".tmp"},
        {"name": "run", "mountPath": places.RUN},
    ]


def local_cvmfs(settings: Settings) -> tuple[list[JsonObject], list[JsonObject]]:
    """Volumes and mounts of /cvmfs on ordinary nodes, as in sessions."""
    if settings.cvmfs.mode == "none":
        return [], []
    source: JsonObject = (
        {"persistentVolumeClaim": {"claimName": settings.cvmfs.claim, "readOnly": True}}
        if settings.cvmfs.mode == "pvc"
        else {"hostPath": {"path": settings.cvmfs.path, "type": "Directory"}}
    )
    # HostToContainer: repositories are mounted when they are first used, after the pod began
    mount = {"name": "cvmfs", "mountPath": places.CVMFS, "readOnly": True, "mountPropagation": "HostToContainer"}
    return [{"name": "cvmfs", **source}], [mount]


def resources(cores: float, memory: int, others: Mapping[str, str], reserved: float = 1) -> JsonObject:
    """Requests and limits, alike but for cores of which only a part is reserved."""
    limits = {"cpu": f"{cores:g}", "memory": str(memory), **others}
    return {"requests": {**limits, "cpu": f"{round(cores * reserved, 3):g}"}, "limits": limits}
