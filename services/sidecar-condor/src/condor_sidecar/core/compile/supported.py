"""Which fields of a pod are honoured, which ask for nothing that a job could refuse, and what is said about all others.

A pod is never run with a part of it left out in silence: a field is either read by a module of the compile step, listed here
as harmless for a reason, or a reason for rejection. Fields that Kubernetes adds later are therefore rejected, not ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from condor_sidecar.core.compile.node import Node

Check = Callable[[Node], None]


def harmless(_: Node) -> None:
    """The field asks nothing of the place where the pod runs."""


def read(_: Node) -> None:
    """Another module of the compile step reads the field."""


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


@dataclass(frozen=True, slots=True)
class Fields:
    """An object whose fields are those of `table`."""

    table: Mapping[str, Check]

    def __call__(self, node: Node) -> None:
        check(node, self.table)


@dataclass(frozen=True, slots=True)
class Each:
    """A list of objects whose fields are those of `table`."""

    table: Mapping[str, Check]

    def __call__(self, node: Node) -> None:
        for element in node.elements():
            check(element, self.table)


SCHEDULING = harmless  # it was meant for the scheduler, which has decided
KUBERNETES = harmless  # it is between Kubernetes and the virtual node
ONE_POLICY = "containers are restarted by the pod's restart policy at this site: remove it"
ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound to it here

ENV: Final[Mapping[str, Check]] = {"name": read, "value": read, "valueFrom": read}
PORT: Final[Mapping[str, Check]] = {
    "name": read,  # by probes
    "containerPort": read,  # by probes
    "hostPort": read,
    "protocol": harmless,  # ports are only told: the machine's network is the container's
    "hostIP": only(*ANY_ADDRESS, why="a port can't be kept to one of the machine's addresses at this site: remove it"),
}
MOUNT: Final[Mapping[str, Check]] = dict.fromkeys(
    ("name", "mountPath", "subPath", "subPathExpr", "readOnly", "mountPropagation", "recursiveReadOnly"), read
)
DNS: Final[Mapping[str, Check]] = {
    "nameservers": read,
    "searches": read,
    "options": Each({"name": read, "value": read}),
}

POD: Final[Mapping[str, Check]] = {
    "containers": read,
    "initContainers": read,
    "volumes": read,
    "securityContext": read,
    "terminationGracePeriodSeconds": read,
    "activeDeadlineSeconds": read,
    "hostname": read,
    "hostAliases": Each({"ip": read, "hostnames": read}),
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
    "imagePullSecrets": harmless,  # they come with the pod
    "hostNetwork": read,
    "hostUsers": harmless,  # a container's users are never the machine's
    "subdomain": read,
    "dnsPolicy": read,
    "dnsConfig": Fields(DNS),
    "hostPID": rejected("a job can't see its machine's processes: remove it"),
    "hostIPC": rejected("a job can't use its machine's IPC: remove it"),
    "shareProcessNamespace": rejected("each container has its own processes at this site: remove it"),
    "setHostnameAsFQDN": read,
    "hostnameOverride": read,
    "os": only({"name": "linux"}, why="only Linux pods run at this site: remove it"),
    "runtimeClassName": rejected("containers run in Apptainer at this site: remove it"),
    "overhead": rejected("containers run in Apptainer at this site: remove it together with runtimeClassName"),
    "ephemeralContainers": rejected("they are started in pods that run: hand them over by an update (`/update`)"),
    "resourceClaims": rejected("dynamic resources are not offered at this site: remove them"),
    "resources": read,
}

CONTAINER: Final[Mapping[str, Check]] = {
    "name": read,
    "image": read,
    "command": read,
    "args": read,
    "workingDir": read,
    "env": Each(ENV),
    "envFrom": read,
    "resources": read,
    "volumeMounts": Each(MOUNT),
    "securityContext": read,
    "ports": Each(PORT),
    "terminationMessagePath": read,
    "terminationMessagePolicy": read,
    "imagePullPolicy": read,  # Never: an unpacked image changes under its name as its publisher does
    "resizePolicy": harmless,  # says how a later change of resources would be made
    "restartPolicy": read,
    "restartPolicyRules": rejected(ONE_POLICY),
    "livenessProbe": read,
    "readinessProbe": read,
    "startupProbe": read,
    "lifecycle": read,
    "volumeDevices": rejected("block devices can't be given to a job: use volumeMounts"),
    "stdin": read,
    "stdinOnce": read,
    "tty": read,
}

EPHEMERAL: Final[Mapping[str, Check]] = {
    **CONTAINER,
    "targetContainerName": read,
    **dict.fromkeys(
        ("ports", "resources", "resizePolicy", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
        rejected("an ephemeral container has none: remove it"),
    ),
}


ITEMS: Final = Each({"key": read, "path": read, "mode": read})
DOWNWARD: Final = Each({"path": read, "mode": read, "fieldRef": KUBERNETES, "resourceFieldRef": KUBERNETES})
_NOT_THERE: Final = rejected("it can't be carried to this site: remove it")

SOURCE: Final[Mapping[str, Check]] = {
    "configMap": Fields({"name": KUBERNETES, "items": ITEMS, "optional": read}),
    "secret": Fields({"name": KUBERNETES, "items": ITEMS, "optional": read}),
    "downwardAPI": Fields({"items": DOWNWARD}),
    "serviceAccountToken": Fields({"path": KUBERNETES, "audience": KUBERNETES, "expirationSeconds": KUBERNETES}),
    "clusterTrustBundle": _NOT_THERE,
    "podCertificate": _NOT_THERE,
}
"""Of a projected volume: the virtual node makes its files, the compile step lays them out."""

VOLUME: Final[Mapping[str, Check]] = {
    "emptyDir": Fields({"medium": read, "sizeLimit": read}),
    "configMap": Fields({"name": read, "items": ITEMS, "defaultMode": read, "optional": read}),
    "secret": Fields({"secretName": read, "items": ITEMS, "defaultMode": read, "optional": read}),
    "projected": Fields({"sources": Each(SOURCE), "defaultMode": read}),
    "downwardAPI": Fields({"items": DOWNWARD, "defaultMode": read}),
    "hostPath": Fields({"path": read, "type": read}),
    "persistentVolumeClaim": Fields({"claimName": read, "readOnly": read}),
    "ephemeral": Fields({"volumeClaimTemplate": KUBERNETES}),  # the claim that is made of it counts
    "csi": Fields(
        {
            "driver": read,
            "readOnly": read,
            "volumeAttributes": read,
            "fsType": rejected("the site has the volume with the file system that it has: remove it"),
            "nodePublishSecretRef": rejected("no driver is there at this site to be given a Secret: remove it"),
        }
    ),
}
"""By kind. Kinds that aren't there can't be mounted at a site."""


def check(node: Node, table: Mapping[str, Check]) -> None:
    """Complain about every field of `node` that `table` doesn't accept."""
    for name, field in node.fields():
        table.get(name, rejected("this field is not supported at this site: remove it"))(field)
