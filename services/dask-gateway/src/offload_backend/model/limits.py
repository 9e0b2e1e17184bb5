"""How much somebody may have, and where."""

from typing import Annotated, Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from service_runtime.settings import Section

from offload_backend.model.values import Duration, NodeName, ObjectName, Size, VariableName, seconds

SHORTEST_WALL_SECONDS = 600
"""Below it a worker would spend its life with coming and going."""


class Limits(Section):
    """What each user may have. Schedulers are not counted, workers are, from the moment they are asked for."""

    clusters: PositiveInt = 4
    """Clusters at the same time."""
    workers: PositiveInt = 200
    """Workers of all clusters together."""
    cores: PositiveInt = 400
    """Cores of all workers together."""
    memory: PositiveInt = 1600
    """Memory of all workers together, in GiB."""
    worker_cores: PositiveInt = 8
    """Cores of one worker."""
    worker_memory: PositiveInt = 32
    """Memory of one worker, in GiB."""
    gpus: int = Field(default=0, ge=0)
    """GPUs of one worker."""


class GroupLimits(Section):
    """What members of a group may have instead; of several values, and that of everybody, the largest counts."""

    clusters: PositiveInt | None = None
    """As for everybody."""
    workers: PositiveInt | None = None
    """As for everybody."""
    cores: PositiveInt | None = None
    """As for everybody."""
    memory: PositiveInt | None = None
    """As for everybody."""
    worker_cores: PositiveInt | None = None
    """As for everybody."""
    worker_memory: PositiveInt | None = None
    """As for everybody."""
    gpus: int | None = Field(default=None, ge=0)
    """As for everybody."""


class Rate(Section):
    """How often each user may make a cluster: one that has ended is remembered for a while, and takes room."""

    clusters_per_hour: PositiveFloat = 30
    """Clusters an hour in the long run."""
    clusters_at_once: PositiveInt = 30
    """Clusters one after the other, of somebody who made none for long."""


class WallTime(Section):
    """How long a worker lives; it hands its data over and goes shortly before."""

    default: Duration = "12h"
    """Where a cluster names none."""
    maximum: Duration = "48h"
    """The longest that can be chosen."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, text in (("default", self.default), ("maximum", self.maximum)):
            if seconds(text) < SHORTEST_WALL_SECONDS:
                raise ValueError(f"{name} is {text}, which is less than 10 minutes")
        if seconds(self.default) > seconds(self.maximum):
            raise ValueError(f"default is {self.default}, which is more than maximum, {self.maximum}")
        return self


class Place(Section):
    """Where workers run: on ordinary nodes, or at a site behind a virtual node."""

    node: NodeName | None = None
    """The virtual node; none: ordinary nodes."""
    groups: list[str] = []
    """Who may: members of one of these groups; empty: everybody."""
    wall_time: WallTime | None = None
    """How long a worker may live; none: as long as its cluster. A virtual node needs one."""
    reserved: Annotated[float, Field(gt=0, le=1)] = 1
    """Ordinary nodes: the part of a worker's cores that is kept free for it; the rest it shares with others."""
    scratch: Size = "10Gi"
    """Disk of a worker, for what it spills."""
    workers: PositiveInt | None = None
    """How many workers of all users together; none: what the node offers, and without a node, no limit."""
    cvmfs: bool = False
    """Virtual nodes: the site's machines have /cvmfs. Ordinary nodes have it as the key cvmfs says."""
    gpu_resource: str = "nvidia.com/gpu"
    """What Kubernetes calls a GPU there."""
    environment: dict[VariableName, str] = {}
    """Variables of workers there, as for a cache of the site; a user's own don't take their place."""
    node_selector: dict[str, str] = {}
    """Labels that the node has, beside the virtual node's name."""
    tolerations: list[dict[str, Any]] = []
    """Taints that workers bear, as in a pod, beside the virtual node's own."""
    adaptive_seconds: PositiveFloat = 10
    """How long adaptive scaling waits between two looks; a batch queue needs longer than a cluster."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.node is not None and self.wall_time is None:
            raise ValueError("wall_time: a virtual node's jobs end at some time; give default and maximum")
        if self.node is not None and self.reserved != 1:
            raise ValueError("reserved: is for ordinary nodes; a job has its cores for itself")
        if self.node is None and self.cvmfs:
            raise ValueError(
                "cvmfs: is for virtual nodes; ordinary nodes have /cvmfs as the key cvmfs of the file says"
            )
        return self


Sites = dict[ObjectName, Place]
