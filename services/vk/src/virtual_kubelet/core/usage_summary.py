"""`/stats/summary`: the kubelet's Summary API (k8s.io/kubelet/pkg/apis/stats/v1alpha1), as far as a site measures anything."""

from interlink.protocol.types import ContainerUsage

from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.core.usage import NodeSample, PodSample
from virtual_kubelet.model.pod import JsonObject


def summary(node: str, sample: NodeSample) -> JsonObject:
    """Node and pods; what is not known is left out, as the API allows."""
    return {
        "node": {
            "nodeName": node,
            "startTime": rfc3339(sample.started),
            "cpu": _cpu(sample.taken, sample.cpu_nano_cores, sample.cpu_nano_seconds),
            "memory": _memory(sample.taken, sample.memory_bytes),
            "fs": {"time": rfc3339(sample.taken), "usedBytes": sample.rootfs_bytes},
        },
        "pods": [_pod(pod) for pod in sample.pods],
    }


def _pod(pod: PodSample) -> JsonObject:
    return {
        "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "startTime": rfc3339(pod.started),
        "containers": [_container(pod, each) for each in pod.containers],
        "cpu": _cpu(pod.taken, pod.total("cpuNanoCores"), pod.total("cpuNanoSeconds")),
        "memory": _memory(pod.taken, pod.total("memoryBytes")),
        "ephemeral-storage": {"time": rfc3339(pod.taken), "usedBytes": pod.total("rootfsBytes")},
    }


def _container(pod: PodSample, usage: ContainerUsage) -> JsonObject:
    return {
        "name": usage.name,
        "startTime": rfc3339(pod.started_of(usage)),
        "cpu": _cpu(pod.taken, usage.cpuNanoCores, usage.cpuNanoSeconds),
        "memory": _memory(pod.taken, usage.memoryBytes),
        "rootfs": {"time": rfc3339(pod.taken), "usedBytes": usage.rootfsBytes},
    }


def _cpu(taken: float, cores: int, seconds: int) -> JsonObject:
    return {"time": rfc3339(taken), "usageNanoCores": cores, "usageCoreNanoSeconds": seconds}


def _memory(taken: float, size: int) -> JsonObject:
    return {"time": rfc3339(taken), "usageBytes": size, "workingSetBytes": size}
