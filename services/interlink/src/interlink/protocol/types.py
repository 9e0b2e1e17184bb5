"""The messages on the wire, as interLink 0.6 writes them.

Attribute names are the wire's own spellings, one for one, so that a message can be compared with a capture by eye. Go's decoder
matches keys in any case, and its encoder writes `null` for an empty list: `decode` accepts both.
"""

from typing import Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]
Pod: TypeAlias = JsonObject
ContainerStatus: TypeAlias = JsonObject

ZERO_TIME = "0001-01-01T00:00:00Z"  # Go's zero time: "not set"


class CreateRequest(msgspec.Struct):
    """`/create` from the virtual kubelet: the pod and the objects that its volumes name.

    ConfigMaps and Secrets are whole objects (Secret data in base64); an entry of `projectedvolumesmaps` looks like a ConfigMap,
    is named after the volume, and maps path to content. `claims` (per volume that is a claim: `volume`, `claim`, `storageClass`,
    `accessModes`, `volumeMode`, `boundTo`, `driver`, `handle`, `attributes`) and `pullSecrets` (Secrets with registry credentials)
    are ours; Go peers don't know them and drop them.
    """

    pod: Pod
    configmaps: list[JsonObject] | None = None
    secrets: list[JsonObject] | None = None
    projectedvolumesmaps: list[JsonObject] | None = None
    jobscriptURL: str = ""
    claims: list[JsonObject] | msgspec.UnsetType | None = msgspec.UNSET
    pullSecrets: list[JsonObject] | msgspec.UnsetType | None = msgspec.UNSET


class RetrievedContainer(msgspec.Struct):
    """What one container mounts, as the plugin gets it: one entry per init container, then one per container."""

    name: str
    configMaps: list[JsonObject] | None = None
    projectedvolumemaps: list[JsonObject] | None = None
    secrets: list[JsonObject] | None = None
    emptyDirs: list[str] | None = None


class RetrievedPodData(msgspec.Struct):
    """`/create` from the API server to the plugin. `jobConfig` is opaque here; `jobScript` only travels when there is one.

    `claims` and `pullSecrets` as in CreateRequest.
    """

    pod: Pod
    container: list[RetrievedContainer]
    jobConfig: JsonObject = msgspec.field(default_factory=dict)
    jobScript: str = ""
    claims: list[JsonObject] | msgspec.UnsetType | None = msgspec.UNSET
    pullSecrets: list[JsonObject] | msgspec.UnsetType | None = msgspec.UNSET


class CreateReply(msgspec.Struct):
    """The plugin's answer: the pod's UID and the job's stable id."""

    PodUID: str
    PodJID: str


class SiteEvent(msgspec.Struct, omit_defaults=True):
    """Something that happened to a pod at the site and that a kubelet would write an event about.

    `number` counts a pod's events, so that each is written once; `kind` is Normal or Warning.
    """

    number: int
    time: str
    kind: str
    reason: str
    message: str
    container: str = ""


class PodStatus(msgspec.Struct):
    """State of one pod at the plugin: Kubernetes container statuses, each with exactly one of waiting, running, terminated.

    `events` (the latest few), `podIP` (where others reach the pod, if the operator wants it told), `reason` and `message` (the pod
    as a whole was ended, and why: it failed, whatever its containers' exit codes are), `disruption` (the site took the pod's job
    away, and why: no fault of the pod's) and `ephemeralContainers` (of those that updates brought) are ours; Go peers drop them.
    """

    name: str = ""
    UID: str = ""
    namespace: str = ""
    JID: str = ""
    containers: list[ContainerStatus] | None = None
    initContainers: list[ContainerStatus] | None = None
    events: list[SiteEvent] | msgspec.UnsetType = msgspec.UNSET
    podIP: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET
    disruption: str | msgspec.UnsetType = msgspec.UNSET
    ephemeralContainers: list[ContainerStatus] | msgspec.UnsetType | None = msgspec.UNSET


class LogOptions(msgspec.Struct):
    """How much of a log: `Tail` lines (0: all), `Bytes` (0: all), `SinceSeconds` or `SinceTime` (RFC 3339)."""

    Tail: int = 0
    Bytes: int = 0
    Timestamps: bool = False
    Follow: bool = False
    Previous: bool = False
    SinceSeconds: int = 0
    SinceTime: str = ZERO_TIME


class LogRequest(msgspec.Struct):
    """`/getLogs`: which container of which pod, and how much."""

    Namespace: str
    PodUID: str
    PodName: str
    ContainerName: str
    Opts: LogOptions = msgspec.field(default_factory=LogOptions)


class Accelerator(msgspec.Struct):
    """A countable extended resource, such as nvidia.com/gpu."""

    resourceType: str
    available: str


class PingResources(msgspec.Struct):
    """What the plugin offers in all, as Kubernetes quantities; None: it doesn't say."""

    cpu: str | None = None
    memory: str | None = None
    pods: str | None = None
    accelerators: list[Accelerator] | None = None


class PingTaint(msgspec.Struct):
    """A taint that the plugin wants on the node."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


class PingReply(msgspec.Struct):
    """The plugin's answer to a ping; `taints` None leaves the node's as they are, an empty list clears those set before."""

    status: str = ""
    resources: PingResources | None = None
    taints: list[PingTaint] | None = None


class ContainerUsage(msgspec.Struct):
    """What one container uses: CPU in nanocores and, since its start, in nanoseconds; memory and root file system in bytes.

    `started` (RFC 3339) is that start; "" is the pod's.
    """

    name: str
    cpuNanoCores: int = 0
    cpuNanoSeconds: int = 0
    memoryBytes: int = 0
    rootfsBytes: int = 0
    started: str = ""


class PodUsage(msgspec.Struct):
    """What one pod's containers use, `/stats`; `time` is when it was measured (RFC 3339), `started` when the pod began."""

    UID: str
    time: str
    started: str
    containers: list[ContainerUsage]
