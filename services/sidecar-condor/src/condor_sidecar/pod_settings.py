"""The part of the configuration that is about pods: what they get, what they may ask for, and what stands for it at the site."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from service_runtime.settings import Section

from condor_sidecar.core import policy
from condor_sidecar.core.compile.wall_time import DEFAULT_GRACE
from condor_sidecar.setting_values import AbsolutePath, Annotation, GpuLines, Positive, SitePath, SubmitLines


class JobDefaults(Section):
    """What a pod gets that asks for nothing, and the overhead that every job gets on top."""

    cpus: Positive = 1
    memory_mib: Positive = 2048
    disk_mib: Positive = 10240
    memory_overhead_mib: Annotated[int, Field(ge=0)] = 64
    disk_overhead_mib: Annotated[int, Field(ge=0)] = 256


class JobLimits(Section):
    """The largest job that the site takes; larger pods are rejected. Nothing: no limit here."""

    cpus: Positive | None = None
    memory_mib: Positive | None = None
    disk_mib: Positive | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None


class WallTime(Section):
    """Seconds a job may run."""

    default_seconds: Positive = 24 * 3600
    max_seconds: Positive = 72 * 3600
    margin_seconds: Positive = 60
    """Kept at the end for bringing states and logs back, after the grace period."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.default_seconds > self.max_seconds:
            raise ValueError("default_seconds must not exceed max_seconds")
        if self.default_seconds <= self.margin_seconds + DEFAULT_GRACE:
            raise ValueError(
                f"default_seconds must exceed margin_seconds and a grace period of {DEFAULT_GRACE} s: pods end that much before"
            )
        return self


class Images(Section):
    """Where images may come from."""

    unpacked_roots: tuple[AbsolutePath, ...] = policy.ImagePolicy().unpacked_roots
    """Searched on the worker node for an image's name, in order."""
    path_prefixes: tuple[AbsolutePath, ...] = policy.ImagePolicy().path_prefixes
    """Where a pod may name an unpacked image by its path."""
    docker_fallback: bool = True
    """Let worker nodes pull what they don't find."""


class HostPath(Section):
    """A part of the worker nodes' file system that pods may mount."""

    path: AbsolutePath
    """The prefix as pods write it."""
    target: AbsolutePath | Literal[""] = ""
    """The prefix that is mounted instead; empty: the same."""
    read_only: bool = True


class SiteVolume(Section):
    """Where claims and CSI volumes are on the worker nodes."""

    path: SitePath
    """May hold `{namespace}`, `{claim}` and `{volume}`."""
    driver: str = ""
    """Name of a CSI driver, of the volume itself or of the one that a claim is bound to."""
    storage_class: str = ""
    """A claim's storage class."""
    claim: str = ""
    """`namespace/name` of claims, with stars."""
    read_only: bool = True
    create: bool = False
    """Let the job make the directory if it is missing."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.driver or self.storage_class or self.claim):
            raise ValueError("one of driver, storage_class and claim must say which volumes are meant")
        if self.claim and "/" not in self.claim:
            raise ValueError(f'claim "{self.claim}" must be namespace/name, such as "physics/*"')
        if self.create and self.read_only:
            raise ValueError("create needs read_only: false: a directory that jobs make is for them to write")
        return self


class PodPolicy(Section):
    """What pods may ask for beyond resources."""

    user_annotations: tuple[Annotation, ...] = tuple(sorted(policy.Policy().user_annotations))
    """Keys under `htcondor-job.vk.io/` that pods may set."""
    accounting_groups: tuple[str, ...] = ()
    """Groups that pods may choose by `accounting-group`, with stars."""
    requirements: SubmitLines = {}
    """ClassAd expressions, by the names that pods choose them by with `requirements`."""
    apptainer_options: tuple[Annotated[str, Field(pattern=r"^--?[A-Za-z][A-Za-z0-9-]*(=[^\s,]+)?$")], ...] = ()
    """Options of `apptainer exec` that pods may choose by `singularity-options`, each one word as it is written there."""
    require_gpus: GpuLines = {}
    """By `nvidia.com/gpu` and `amd.com/gpu`, what a GPU's properties must be (`require_gpus` of a submit description): a site with
    both needs it, as HTCondor counts them together."""
    max_grace_seconds: Positive = 600
    user_ids: bool = True
    """Run containers as the user that the pod or the image names, in a user namespace; false: as the job's account, and pods that
    name one are rejected."""
    ignore_groups: bool = False
    """Take pods that ask for supplementalGroups although a container has one group."""
    patience_seconds: Positive = 300
    """How long a container is tried that can't be made, for want of its image or by its configuration; then its pod fails."""
    keep_service_account_token: bool = False
    """Hand a pod's default Kubernetes token to the site."""
    tell_pod_address: bool = False
    """Tell Kubernetes the worker node's address as the pod's: right where the cluster reaches worker nodes, since Services send
    their traffic there."""
    cluster_domain: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$")] = "cluster.local"
    """The cluster's DNS domain, in which pods with a subdomain have their full names."""
