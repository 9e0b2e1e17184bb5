"""A running pod's volumes, deadline and ephemeral containers, by the same policy by which its job was compiled.

What a job can't change any more (its other containers, its resources, its wall time) is not looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from interlink.protocol.types import RetrievedPodData

from condor_sidecar.core.compile import annotations
from condor_sidecar.core.compile.delivered import collect
from condor_sidecar.core.compile.ephemeral import compile_ephemeral
from condor_sidecar.core.compile.mounts import mounted_names
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.volumes import FILES, compile_volumes
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.job.supervisor.additions import NOTHING, Additions
from condor_sidecar.model.plan import PayloadFile, Rejection


@dataclass(frozen=True, slots=True)
class Update:
    """`volumes` maps each volume of files to path -> (mode, content); `deadline_seconds` counts from the supervisor's start.

    `added` are the ephemeral containers that may be started, `refused` says of the others, by name, why not.
    """

    volumes: Mapping[str, Mapping[str, tuple[int, bytes]]]
    deadline_seconds: int | None
    added: Additions = NOTHING
    refused: Mapping[str, str] = field(default_factory=dict)

    def without(self, known: Iterable[str]) -> "Update":
        """Less of those ephemeral containers that the job has already, whose volumes it has, too."""
        left = [container for container in self.added.containers if container.name not in set(known)]
        return replace(self, added=self.added._replace(containers=left) if left else NOTHING)


def compile_update(
    request: RetrievedPodData, policy: Policy, *, wall_seconds: int, grace_seconds: int
) -> Update | Rejection:
    """What the running pod of `request` is to be given; `wall_seconds` and `grace_seconds` are what its job was submitted with."""
    complaints: list[str] = []
    # what they may not ask for was said when the pod was made, and nothing that they got since then changes its job
    policy = annotations.read(Node(request.pod.get("metadata"), "metadata", []), policy).policy
    spec = Node(request.pod.get("spec"), "", complaints)
    containers = [*spec["initContainers"].elements(), *spec["containers"].elements()]
    mounted = mounted_names(containers) & _of_files(spec)
    compiled = compile_volumes(spec, mounted, collect(request, complaints), policy)
    if complaints:
        return Rejection(tuple(dict.fromkeys(complaints)))
    ephemeral = compile_ephemeral(request, policy)
    volumes = [*compiled.volumes.values(), *ephemeral.added.volumes]
    return Update(
        _files(volumes, [*compiled.files, *ephemeral.files]),
        _deadline(spec, wall_seconds, grace_seconds + policy.wall_time.margin_seconds),
        ephemeral.added,
        ephemeral.refused,
    )


def _files(volumes: Iterable[job.Volume], files: Iterable[PayloadFile]) -> dict[str, dict[str, tuple[int, bytes]]]:
    """The files of a payload by volume and path."""
    found: dict[str, dict[str, tuple[int, bytes]]] = {volume.name: {} for volume in volumes if volume.kind == job.FILES}
    for file in files:
        _, volume, path = file.path.split("/", 2)
        found[volume][path] = file.mode, file.content
    return found


def _of_files(spec: Node) -> set[str]:
    """The volumes that hold files: what else is mounted stays, and an update tells nothing of it."""
    return {node["name"].text() for node in spec["volumes"].elements() if any(node[kind].given for kind in FILES)}


def _deadline(spec: Node, wall_seconds: int, kept: int) -> int | None:
    """The earlier of the pod's own deadline and the end of its job; None where neither is known."""
    active = spec["activeDeadlineSeconds"].number()
    ends = [seconds for seconds in (active, wall_seconds - kept if wall_seconds else None) if seconds is not None]
    return max(1, min(ends)) if ends else None
