"""Ephemeral containers (`kubectl debug`), judged one by one as the containers of a create are, by the same rows and policy.

A pod keeps them for ever, whatever becomes of them: one that can't be started here is no reason to do without the others, nor to
leave the pod's volumes as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from interlink.protocol.types import RetrievedPodData

from condor_sidecar.core.compile import annotations
from condor_sidecar.core.compile.containers import compile_container, unquoted
from condor_sidecar.core.compile.delivered import collect
from condor_sidecar.core.compile.mounts import mounted_names
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.registry_login import with_logins
from condor_sidecar.core.compile.volumes import compile_volumes
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.job.supervisor.additions import MOST, Additions
from condor_sidecar.model.plan import ContainerKind, PayloadFile


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """Those that may be started, with the files of the volumes that they mount; and of the others, by name, why they may not."""

    added: Additions
    files: tuple[PayloadFile, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


class _Made(NamedTuple):
    container: job.Container
    volumes: list[job.Volume]
    files: list[PayloadFile]
    logins: dict[str, bytes]


def compile_ephemeral(request: RetrievedPodData, policy: Policy) -> Ephemeral:
    """The ephemeral containers of `request`'s pod under `policy`."""
    made: list[_Made] = []
    refused: dict[str, str] = {}
    for number, given in enumerate((request.pod.get("spec") or {}).get("ephemeralContainers") or []):
        complaints: list[str] = []
        one = _compile(request, given, number, policy, complaints)
        if complaints:
            refused[one.container.name] = "; ".join(dict.fromkeys(complaints))
        else:
            made.append(one)
    volumes = {volume.name: volume for one in made for volume in one.volumes}
    files = {file.path: file for one in made for file in one.files}
    logins = {path: content for one in made for path, content in one.logins.items()}
    added = Additions([one.container for one in made], list(volumes.values()), logins)
    return Ephemeral(added, tuple(files.values()), refused)


def _compile(request: RetrievedPodData, given: object, number: int, policy: Policy, complaints: list[str]) -> _Made:
    spec = Node(request.pod.get("spec"), "", complaints)
    node = Node(given, f"ephemeralContainers[{number}]", complaints)
    asked = annotations.read(Node(request.pod.get("metadata"), "metadata", complaints), policy)
    volumes = compile_volumes(spec, mounted_names([node]), collect(request, complaints), asked.policy)
    container, _ = compile_container(
        node,
        ContainerKind.EPHEMERAL,
        shared=spec["securityContext"],
        volumes=volumes,
        declared={each["name"].text() for each in spec["volumes"].elements()},
        policy=asked.policy,
    )
    if number >= MOST:
        node.reject(f"a job takes {MOST} ephemeral containers in the life of its pod: make a new pod")
    if container.name in _others(spec):
        node["name"].reject(f'another container has the name "{container.name}": choose another')
    if asked.legacy_quoting:
        container = unquoted(container)
    (container,), logins = with_logins([container], request.pullSecrets or (), complaints)
    # the payload's own files of credentials have numbers alone
    renamed = [replace(file, path=f"{job.REGISTRY}/{container.name}-{n}.json") for n, file in enumerate(logins)]
    container = container._replace(image=container.image._replace(auths=[file.path for file in renamed]))
    return _Made(
        container,
        list(volumes.volumes.values()),
        volumes.files,
        {file.path: file.content for file in renamed},
    )


def _others(spec: Node) -> set[str]:
    return {each["name"].text() for kind in ("initContainers", "containers") for each in spec[kind].elements()}
