"""From a pod to the request that hands it over: which objects it needs, and the message in interLink's shape."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from interlink.protocol.types import CreateRequest
from msgspec import UNSET

from virtual_kubelet.core.claims import claims, mounted_claims
from virtual_kubelet.core.environment import resolve
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectName, ObjectStore
from virtual_kubelet.core.service_variables import service_variables
from virtual_kubelet.core.volumes import VolumePolicy, is_carried, projected_map, sources, whole_objects
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject


@dataclass(frozen=True, slots=True)
class Translation:
    """What configuration adds to every pod."""

    volumes: VolumePolicy = field(default_factory=VolumePolicy)
    api_address: tuple[str, str] | None = None
    """Host and port of the Kubernetes API as jobs reach it; None: jobs are told nothing of it."""
    job_script_builder: str = ""
    service_links: bool = False
    """Tell pods of Services, whose addresses jobs then have to reach."""


def needed_objects(pod: JsonObject, policy: VolumePolicy) -> set[ObjectName]:
    """Every ConfigMap, Secret and claim that the pod names, optional ones included."""
    found = claim_names(pod)
    for container in pods.created_with(pod):
        found |= environment_objects(container)
    for volume in pod["spec"].get("volumes") or []:
        if is_carried(volume, policy):
            found.update(_named(volume, "configMap", "secret"))
            for source in sources(volume):
                found.update(_named(source, "configMap", "secret"))
    return found


def claim_names(pod: JsonObject) -> set[ObjectName]:
    """Every claim that the pod names."""
    return {ObjectName("persistentvolumeclaim", name) for _, name in mounted_claims(pod)}


def environment_objects(container: JsonObject) -> set[ObjectName]:
    """Every ConfigMap and Secret that the container's environment names."""
    found: set[ObjectName] = set()
    for variable in container.get("env") or []:
        found.update(_named(variable.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef"))
    for source in container.get("envFrom") or []:
        found.update(_named(source, "configMapRef", "secretRef"))
    return found


def _named(holder: JsonObject, configmap: str, secret: str) -> Iterator[ObjectName]:
    if configmap in holder:
        yield ObjectName("configmap", holder[configmap].get("name", ""))
    if secret in holder:
        yield ObjectName("secret", holder[secret].get("name") or holder[secret].get("secretName", ""))


def create_request(pod: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation) -> CreateRequest:
    """The message for `/create` (interLink 0.6). Raises MissingObjectError while the pod has to wait.

    Ephemeral containers are not in it: no site starts a pod with them (core.ephemeral).
    """
    policy = translation.volumes
    carried = [v for v in pod["spec"].get("volumes") or [] if is_carried(v, policy)]
    configmaps, secrets = whole_objects(pod, store)
    projected = [projected_map(pod, v, store, node, policy) for v in carried if "projected" in v or "downwardAPI" in v]
    claimed = claims(pod, store)
    spec: dict[str, Any] = {key: value for key, value in pod["spec"].items() if key != "ephemeralContainers"}
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [resolved(pod, c, store, node, translation) for c in pods.offloaded(pod, kind)]
    if "volumes" in spec:
        spec["volumes"] = [_as_projected(v) for v in carried]
    meta = {k: v for k, v in pod["metadata"].items() if k != "managedFields"}
    return CreateRequest(
        pod={"metadata": meta, "spec": spec, "status": pods.status(pod)},
        configmaps=configmaps or None,
        secrets=secrets or None,
        projectedvolumesmaps=projected or None,
        jobscriptURL=translation.job_script_builder,
        claims=claimed or UNSET,
        pullSecrets=_pull_secrets(store) or UNSET,
    )


def _pull_secrets(store: ObjectStore) -> list[JsonObject]:
    """Registry credentials in the two forms that kubelets read; other Secrets are of no use to a pull."""
    kinds = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
    found = []
    for secret in store.pull_secrets:
        key = kinds.get(secret.get("type", ""))
        if key and key in (secret.get("data") or {}):
            name = {"name": secret["metadata"].get("name", "")}
            found.append({"metadata": name, "type": secret["type"], "data": {key: secret["data"][key]}})
    return found


def resolved(
    pod: JsonObject, container: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation
) -> JsonObject:
    """A container as it is sent: environment resolved, with the mounts of volumes that are carried. Raises MissingObjectError."""
    extra = service_variables(pod, store.services) if translation.service_links else {}
    extra |= api_variables(*translation.api_address) if translation.api_address else {}
    volumes = {v["name"] for v in pod["spec"].get("volumes") or [] if is_carried(v, translation.volumes)}
    made = {k: v for k, v in container.items() if k not in ("env", "envFrom", "volumeMounts")}
    env = resolve(pod, container, store, node, extra)
    if env:
        made["env"] = env
    mounts = [m for m in container.get("volumeMounts") or [] if m["name"] in volumes]
    if mounts:
        made["volumeMounts"] = mounts
    made.setdefault("resources", {})
    return made


def _as_projected(volume: JsonObject) -> JsonObject:
    """A downward API volume is sent as a projected one: that is what servers match the maps with."""
    if "downwardAPI" not in volume:
        return volume
    projected: JsonObject = {"sources": sources(volume)}
    if "defaultMode" in volume["downwardAPI"]:
        projected["defaultMode"] = volume["downwardAPI"]["defaultMode"]
    return {"name": volume["name"], "projected": projected}


def api_variables(host: str, port: str) -> dict[str, str]:
    """The variables that tell a client library in the job where the Kubernetes API is (KubernetesApiAddr)."""
    url, prefix = f"tcp://{host}:{port}", f"KUBERNETES_PORT_{port}_TCP"
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
        "KUBERNETES_PORT": url,
        prefix: url,
        f"{prefix}_PROTO": "tcp",
        f"{prefix}_PORT": port,
        f"{prefix}_ADDR": host,
    }


def slim(pod_namespace: str, pod_name: str, uid: str) -> JsonObject:
    """As much of a pod as a server with the feature `status-batch` needs to know which one is meant."""
    return {"metadata": {"name": pod_name, "namespace": pod_namespace, "uid": uid}}


def as_sent(pod: JsonObject) -> JsonObject:
    """The pod as `/status` and `/delete` carry it: whole, unresolved, without what only the API server's clients need."""
    return {k: v for k, v in pod.items() if k not in ("kind", "apiVersion")}
