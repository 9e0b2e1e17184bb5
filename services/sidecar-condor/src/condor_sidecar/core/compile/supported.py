"""Which fields of a pod are honoured, which ask for nothing that a job could refuse, and what is said about all others.

A pod is never run with a part of it left out in silence: a field is either read by a module of the compile step, listed here
as harmless for a reason, or a reason for rejection. Fields that Kubernetes adds later are therefore rejected, not ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from condor_sidecar.core.compile.node import Node

Check = Callable[[Node], None]


def harmless(_: Node) -> None:
    """The field asks nothing of the place where the pod runs, or another module of the compile step reads it."""


def rejected(why: str) -> Check:
    """The field can't be honoured, whatever its value, unless it is empty."""

    def check(node: Node) -> None:
        if node.given and node.value is not False:
            node.reject(why)

    return check


def only(*accepted: Any, why: str) -> Check:
    """The field is satisfied with these values alone."""

    def check(node: Node) -> None:
        if node.given and node.value not in accepted:
            node.reject(why)

    return check


READ = harmless  # by another module
SCHEDULING = harmless  # it was meant for the scheduler, which has decided
KUBERNETES = harmless  # it is between Kubernetes and the virtual node
ONE_POLICY = "containers are restarted by the pod's restart policy at this site: remove it"

POD: Final[Mapping[str, Check]] = {
    "containers": READ,
    "initContainers": READ,
    "volumes": READ,
    "securityContext": READ,
    "terminationGracePeriodSeconds": READ,
    "activeDeadlineSeconds": READ,
    "hostname": READ,
    "hostAliases": READ,
    "restartPolicy": only(
        "Always", "OnFailure", "Never", why="it is not known at this site: use Always, OnFailure or Never"
    ),
    "nodeName": SCHEDULING,
    "nodeSelector": SCHEDULING,
    "affinity": SCHEDULING,
    "tolerations": SCHEDULING,
    "topologySpreadConstraints": SCHEDULING,
    "schedulerName": SCHEDULING,
    "schedulingGates": SCHEDULING,
    "priority": SCHEDULING,
    "priorityClassName": SCHEDULING,
    "preemptionPolicy": SCHEDULING,
    "serviceAccount": KUBERNETES,
    "serviceAccountName": KUBERNETES,
    "automountServiceAccountToken": KUBERNETES,
    "enableServiceLinks": KUBERNETES,
    "readinessGates": KUBERNETES,
    "imagePullSecrets": READ,  # as they came with the pod
    "hostNetwork": READ,  # a job always has its machine's network
    "hostUsers": harmless,  # a container's users are never the machine's
    "subdomain": READ,
    "dnsPolicy": READ,
    "dnsConfig": READ,
    "hostPID": rejected("a job can't see its machine's processes: remove it"),
    "hostIPC": rejected("a job can't use its machine's IPC: remove it"),
    "shareProcessNamespace": rejected("each container has its own processes at this site: remove it"),
    "setHostnameAsFQDN": READ,
    "hostnameOverride": READ,
    "os": only({"name": "linux"}, why="only Linux pods run at this site: remove it"),
    "runtimeClassName": rejected("containers run in Apptainer at this site: remove it"),
    "overhead": rejected("containers run in Apptainer at this site: remove it together with runtimeClassName"),
    "ephemeralContainers": rejected("they are started in pods that run: hand them over by an update (`/update`)"),
    "resourceClaims": rejected("dynamic resources are not offered at this site: remove them"),
    "resources": READ,
}

CONTAINER: Final[Mapping[str, Check]] = {
    "name": READ,
    "image": READ,
    "command": READ,
    "args": READ,
    "workingDir": READ,
    "env": READ,
    "envFrom": READ,
    "resources": READ,
    "volumeMounts": READ,
    "securityContext": READ,
    "ports": READ,
    "terminationMessagePath": READ,
    "terminationMessagePolicy": READ,
    "imagePullPolicy": READ,  # but for Never: an unpacked image changes under its name as its publisher does
    "resizePolicy": harmless,  # says how a later change of resources would be made
    "restartPolicy": READ,
    "restartPolicyRules": rejected(ONE_POLICY),
    "livenessProbe": READ,
    "readinessProbe": READ,
    "startupProbe": READ,
    "lifecycle": READ,
    "volumeDevices": rejected("block devices can't be given to a job: use volumeMounts"),
    "stdin": READ,
    "stdinOnce": READ,
    "tty": READ,
}

EPHEMERAL: Final[Mapping[str, Check]] = {
    **CONTAINER,
    "targetContainerName": READ,
    **dict.fromkeys(
        ("ports", "resources", "resizePolicy", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
        rejected("an ephemeral container has none: remove it"),
    ),
}


def check(node: Node, table: Mapping[str, Check]) -> None:
    """Complain about every field of `node` that `table` doesn't accept."""
    for name, field in node.fields():
        table.get(name, rejected("this field is not supported at this site: remove it"))(field)
