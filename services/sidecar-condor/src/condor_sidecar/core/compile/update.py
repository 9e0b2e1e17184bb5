"""A running pod's volumes and deadline anew, by the same policy by which its job was compiled.

What a job can't change any more (its containers, its resources, its wall time) is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interlink.protocol.types import RetrievedPodData

from condor_sidecar.core.compile import annotations
from condor_sidecar.core.compile.delivered import collect
from condor_sidecar.core.compile.mounts import mounted_names
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.volumes import FILES, compile_volumes
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import Rejection


@dataclass(frozen=True, slots=True)
class Update:
    """`volumes` maps each volume of files to path -> (mode, content); `deadline_seconds` counts from the supervisor's start."""

    volumes: Mapping[str, Mapping[str, tuple[int, bytes]]]
    deadline_seconds: int | None


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
    files: dict[str, dict[str, tuple[int, bytes]]] = {
        name: {} for name, volume in compiled.volumes.items() if volume.kind == job.FILES
    }
    for file in compiled.files:
        _, volume, path = file.path.split("/", 2)
        files[volume][path] = file.mode, file.content
    return Update(files, _deadline(spec, wall_seconds, grace_seconds + policy.wall_time.margin_seconds))


def _of_files(spec: Node) -> set[str]:
    """The volumes that hold files: what else is mounted stays, and an update tells nothing of it."""
    return {node["name"].text() for node in spec["volumes"].elements() if any(node[kind].given for kind in FILES)}


def _deadline(spec: Node, wall_seconds: int, kept: int) -> int | None:
    """The earlier of the pod's own deadline and the end of its job; None where neither is known."""
    active = spec["activeDeadlineSeconds"].number()
    ends = [seconds for seconds in (active, wall_seconds - kept if wall_seconds else None) if seconds is not None]
    return max(1, min(ends)) if ends else None
