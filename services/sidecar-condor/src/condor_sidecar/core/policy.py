"""What a site lets a pod do, and what it gives to a pod that doesn't say.

One frozen value per endpoint, made from the configuration at start-up and handed to the compile step, so that the
same pod and policy always give the same plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EndpointMode(StrEnum):
    """How jobs reach the pool: straight to its schedd, or through an HTCondor-CE whose job router makes a second job of ours."""

    SCHEDD = "schedd"
    CE = "ce"


@dataclass(frozen=True, slots=True)
class HostPathRule:
    """A part of the worker node's file system that pods may mount with `hostPath`.

    `path` is the prefix as pods write it, `target` the prefix that is mounted instead (empty: the same), so that a
    cluster's `/cvmfs-af` can be a site's `/cvmfs`.
    """

    path: str
    target: str = ""
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class VolumeRule:
    """A row of the site's table of volumes: which claims and CSI volumes are where on the worker nodes.

    All that is given of `driver` (CSI driver, also of a claim's volume), `storage_class` and `claim` (`namespace/name`, with stars)
    has to fit. `path` may hold `{namespace}`, `{claim}` and `{volume}`; `create`: the job makes the directory if it is missing.
    """

    path: str
    driver: str = ""
    storage_class: str = ""
    claim: str = ""
    read_only: bool = True
    create: bool = False


@dataclass(frozen=True, slots=True)
class ResourceDefaults:
    """What a pod gets that asks for nothing, and what every job gets on top for the supervisor and the container runtime."""

    cpus: int = 1
    memory_mib: int = 2048
    disk_mib: int = 10240
    memory_overhead_mib: int = 64
    disk_overhead_mib: int = 256


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """The largest job the site takes (None: no limit here; HTCondor then leaves a job that fits nowhere idle)."""

    cpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None
    gpus: int | None = None


@dataclass(frozen=True, slots=True)
class WallTime:
    """Wall time in seconds.

    `margin_seconds` is what the supervisor keeps for bringing states and logs back, after the grace period.
    """

    default_seconds: int = 24 * 3600
    max_seconds: int = 72 * 3600
    margin_seconds: int = 60


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """Where images may come from.

    `unpacked_roots` are searched on the worker node for an image's name, in order; `path_prefixes` are where a pod
    may name an unpacked image by its path; `docker_fallback` lets a worker node pull what it doesn't find.
    """

    unpacked_roots: tuple[str, ...] = ("/cvmfs/unpacked.cern.ch", "/cvmfs/singularity.opensciencegrid.org")
    path_prefixes: tuple[str, ...] = ("/cvmfs",)
    docker_fallback: bool = True


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bytes of log kept in `out.tar` per container (the head and the tail, a gap marked) and per pod, which its containers
    share evenly; and streamed per job while it runs."""

    kept_bytes: int = 10 * 1024 * 1024
    kept_pod_bytes: int = 64 * 1024 * 1024
    streamed_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """How jobs get to the job channel: its address, the authorities they trust for it (PEM; empty: the worker nodes' own), and
    the secret that their tickets are made with."""

    url: str
    authorities: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """One endpoint's rules.

    `user_ids`: containers run as the user and group that the pod or the image names, in a user namespace within the container's
    (worker nodes have to allow that); else images' users count for nothing and pods that ask for ids are rejected.
    `ignore_groups`: take pods that ask for supplementalGroups although a container has one group. `keep_service_account_token`:
    hand the pod's default Kubernetes token (the `kube-api-access-*` volume) to the site. `user_annotations`: which keys
    under `htcondor-job.vk.io/` pods may set; `accounting_groups` (with stars), `requirements` (ClassAd expressions by the name
    that pods choose them by) and `apptainer_options` are what some of those choose from. `require_gpus`: by the resource that GPUs
    are asked for by, a ClassAd expression on a GPU's properties that tells this vendor's from others. `patience_seconds`: how long
    a container is tried whose image can't be had or that can't be made otherwise, before its pod fails. `submit_extra`: the
    operator's own lines for every submit description. `cluster_domain` ends the full names of pods that have a subdomain.
    """

    mode: EndpointMode = EndpointMode.SCHEDD
    resources: ResourceDefaults = ResourceDefaults()
    limits: ResourceLimits = ResourceLimits()
    wall_time: WallTime = WallTime()
    images: ImagePolicy = ImagePolicy()
    logs: LogLimits = LogLimits()
    host_paths: tuple[HostPathRule, ...] = (HostPathRule("/cvmfs"),)
    volumes: tuple[VolumeRule, ...] = (VolumeRule("/cvmfs", driver="cvmfs.csi.cern.ch"),)
    user_annotations: frozenset[str] = frozenset(
        {"max-walltime", "request-disk", "gpu-model", "image-root", "arg-quoting"}
    )
    accounting_groups: tuple[str, ...] = ()
    requirements: Mapping[str, str] = field(default_factory=dict)
    apptainer_options: tuple[str, ...] = ()
    require_gpus: Mapping[str, str] = field(default_factory=dict)
    max_grace_seconds: int = 600
    user_ids: bool = True
    ignore_groups: bool = False
    patience_seconds: int = 300
    keep_service_account_token: bool = False
    cluster_domain: str = "cluster.local"
    submit_extra: Mapping[str, str] = field(default_factory=dict)
    channel: ChannelAccess | None = None
