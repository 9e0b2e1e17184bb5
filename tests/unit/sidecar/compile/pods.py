"""Pods and requests to compile."""

import base64
import copy
from typing import Any

from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.policy import ImagePolicy, Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import Plan, Rejection
from interlink.protocol.types import RetrievedContainer, RetrievedPodData
from msgspec import UNSET

UID = "5b0c1c6e-9f0e-4f6e-8a53-1c1f1f1f0001"
POLICY = Policy(images=ImagePolicy(unpacked_roots=("/cvmfs/unpacked.example.org",)))

Json = dict[str, Any]


def container(name: str = "main", **fields: Any) -> Json:
    """A container as the API server completes it."""
    return {
        "name": name,
        "image": "hello:1",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        **fields,
    }


def pod(*containers: Json, **spec: Any) -> Json:
    """A pod as the API server completes it and the virtual node sends it."""
    return {
        "metadata": {"name": "hello", "namespace": "default", "uid": UID, "annotations": {}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "nodeName": "site",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
            "containers": list(containers) or [container()],
            **spec,
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def request(
    of: Json,
    *,
    config_maps: Json | None = None,
    secrets: Json | None = None,
    projected: Json | None = None,
    claims: Any = UNSET,
    pull_secrets: Any = UNSET,
) -> RetrievedPodData:
    """What interLink sends for a pod: the objects come with the first container."""
    maps = [{"metadata": {"name": name}, **content} for name, content in (config_maps or {}).items()]
    encoded = [
        {"metadata": {"name": name}, "data": {key: base64.b64encode(value).decode() for key, value in data.items()}}
        for name, data in (secrets or {}).items()
    ]
    paths = [{"metadata": {"name": name}, "data": data} for name, data in (projected or {}).items()]
    entries = [
        RetrievedContainer(each["name"]) for each in of["spec"].get("initContainers", []) + of["spec"]["containers"]
    ]
    if entries:
        entries[0] = RetrievedContainer(entries[0].name, configMaps=maps, secrets=encoded, projectedvolumemaps=paths)
    return RetrievedPodData(copy.deepcopy(of), entries, claims=claims, pullSecrets=pull_secrets)


def compiled(of: Json, policy: Policy = POLICY, **objects: Any) -> Plan:
    """The plan of a pod that must be accepted."""
    result = compile_pod(request(of, **objects), policy)
    assert isinstance(result, Plan), result
    return result


def reasons(of: Json, policy: Policy = POLICY, **objects: Any) -> tuple[str, ...]:
    """Why a pod is rejected, which it must be."""
    result = compile_pod(request(of, **objects), policy)
    assert isinstance(result, Rejection), result
    return result.reasons


def job_of(plan: Plan) -> job.Pod:
    """What the supervisor will read."""
    return job.decode(next(file.content for file in plan.files if file.path == job.PLAN_FILE))


def first(plan: Plan) -> job.Container:
    """The first container, as the supervisor will run it."""
    return job_of(plan).containers[0]


def files(plan: Plan) -> dict[str, tuple[bytes, int]]:
    """The payload's files but the plan: path to content and mode."""
    return {file.path: (file.content, file.mode) for file in plan.files if file.path != job.PLAN_FILE}
