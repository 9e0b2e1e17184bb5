"""The compile step: a pod as it came over the wire becomes one job, or a list of reasons why it can't.

`compile_pod` is pure; each module beside this one decides one aspect of a pod.
"""

import hashlib
import json
import re
from typing import Final

from interlink.protocol.types import RetrievedPodData
from interlink.protocol.uid import UID

from condor_sidecar.core.compile import annotations, names, resources, security, submit, supported, wall_time
from condor_sidecar.core.compile.containers import compile_container, unquoted
from condor_sidecar.core.compile.delivered import collect
from condor_sidecar.core.compile.mounts import mounted_names
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.registry_login import with_logins
from condor_sidecar.core.compile.volumes import Volumes, compile_volumes
from condor_sidecar.core.policy import Policy
from condor_sidecar.core.ticket import ticket
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import ContainerKind, PayloadFile, Plan, PlannedContainer, Rejection

__all__ = ["compile_pod"]

DNS_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def compile_pod(request: RetrievedPodData, policy: Policy) -> Plan | Rejection:
    """The job for `request`'s pod under `policy`, or every reason why there can be none.

    The pod's environment is taken as resolved (`$(VAR)` in values is not expanded, `valueFrom` is a reason for rejection), its
    ConfigMaps, Secrets and projected files as delivered in `request.container`.
    """
    complaints: list[str] = []
    metadata = Node(request.pod.get("metadata"), "metadata", complaints)
    spec = Node(request.pod.get("spec"), "", complaints)
    _check_names(metadata)
    asked = annotations.read(metadata, policy)
    policy = asked.policy
    supported.check(spec, supported.POD)
    security.check_pod(spec["securityContext"], policy)
    delivered = collect(request, complaints)

    nodes = [(each, _kind_of_init(each)) for each in spec["initContainers"].elements()]
    nodes += [(each, ContainerKind.MAIN) for each in spec["containers"].elements()]
    volumes = compile_volumes(spec, mounted_names([node for node, _ in nodes]), delivered, policy)
    declared = {node["name"].text() for node in spec["volumes"].elements()}
    shared = spec["securityContext"]
    compiled = [
        compile_container(node, kind, shared=shared, volumes=volumes, declared=declared, policy=policy)
        for node, kind in nodes
    ]
    _check_containers(spec, [container.name for container, _ in compiled])

    amounts = [(kind, found) for (_, kind), (_, found) in zip(nodes, compiled, strict=True)]
    needed = resources.job_request(amounts, asked.disk, spec["resources"], policy)
    if asked.gpu_model and not needed.gpus:
        metadata["annotations"].reject(
            f"{annotations.PREFIX}gpu-model names a GPU, but no container asks for one: add a limit"
        )
    limits = wall_time.limits(spec, asked.wall_time, wall_time.grace(spec, policy.max_grace_seconds), policy.wall_time)
    containers, logins = with_logins([each for each, _ in compiled], request.pullSecrets or (), complaints)
    if asked.legacy_quoting:
        containers = [unquoted(each) for each in containers]
    pod = _job(metadata, spec, limits, volumes=volumes, containers=containers, policy=policy)
    pod = pod._replace(runtime_options=list(asked.runtime_options))
    if complaints:
        return Rejection(tuple(dict.fromkeys(complaints)))
    return _plan(pod, [*volumes.files, *logins], submit.description(pod.uid, needed, limits, asked), limits)


def _kind_of_init(node: Node) -> ContainerKind:
    return ContainerKind.SIDECAR if node["restartPolicy"].value == "Always" else ContainerKind.INIT


def _check_names(metadata: Node) -> None:
    for field, shape in (("uid", UID), ("namespace", DNS_NAME), ("name", DNS_NAME)):
        text = metadata[field].text()
        if not shape.fullmatch(text):
            metadata[field].reject(f'"{text}" is not a {field} that Kubernetes gives')


def _check_containers(spec: Node, given: list[str]) -> None:
    if not spec["containers"].given:
        spec["containers"].reject("a pod needs a container: add one")
    for name in {name for name in given if given.count(name) > 1}:
        spec["containers"].reject(f'two containers have the name "{name}": rename one')


def _job(
    metadata: Node,
    spec: Node,
    limits: wall_time.Limits,
    *,
    volumes: Volumes,
    containers: list[job.Container],
    policy: Policy,
) -> job.Pod:
    host, full_name = names.hostname(metadata, spec, policy)
    restart_policy = spec["restartPolicy"].text() or job.ALWAYS
    return job.Pod(
        version=job.VERSION,
        uid=metadata["uid"].text(),
        namespace=metadata["namespace"].text(),
        name=metadata["name"].text(),
        hostname=host,
        full_name=full_name,
        host_network=spec["hostNetwork"].flag(),
        dns=names.resolver(spec),
        deadline_seconds=limits.deadline_seconds,
        deadline_message=limits.message,
        grace_seconds=limits.grace_seconds,
        kept_log_bytes=min(
            policy.logs.kept_bytes, policy.logs.kept_pod_bytes // max(1, _logs(restart_policy, containers))
        ),
        streamed_log_bytes=policy.logs.streamed_bytes,
        host_aliases=[
            job.HostAlias(alias["ip"].text(), alias["hostnames"].texts()) for alias in spec["hostAliases"].elements()
        ],
        volumes=list(volumes.volumes.values()),
        containers=containers,
        restart_policy=restart_policy,
        patience_seconds=policy.patience_seconds,
        channel=_channel(metadata["uid"].text(), policy),
    )


def _logs(restart_policy: str, containers: list[job.Container]) -> int:
    """How many logs the pod may have: two of each container that may be started again."""
    again = [each for each in containers if restart_policy != job.NEVER or each.kind == job.SIDECAR]
    return len(containers) + len(again)


def _channel(uid: str, policy: Policy) -> job.Channel | None:
    access = policy.channel
    return None if access is None else job.Channel(access.url, ticket(access.secret, uid), access.authorities)


def _plan(pod: job.Pod, files: list[PayloadFile], commands: dict[str, str], limits: wall_time.Limits) -> Plan:
    containers = tuple(
        PlannedContainer(each.name, ContainerKind(each.kind), each.image.name, _deciding_probes(each))
        for each in pod.containers
    )
    return Plan(
        uid=pod.uid,
        namespace=pod.namespace,
        name=pod.name,
        submit=commands,
        files=(PayloadFile(job.PLAN_FILE, job.encode(pod)), *files),
        containers=containers,
        grace_seconds=limits.grace_seconds,
        wall_seconds=limits.wall_seconds,
        plan_hash=_shape(pod, files, commands),
    )


def _deciding_probes(container: job.Container) -> str:
    return ("r" if container.readiness else "") + ("s" if container.startup else "")


def _without_secrets(container: job.Container) -> job.Container:
    """Commands and headers of probes and hooks may hold some, too."""
    bare = container._replace(env=[], command=[], args=[])
    return bare._replace(startup=None, readiness=None, liveness=None, post_start=None, pre_stop=None)


def _shape(pod: job.Pod, files: list[PayloadFile], commands: dict[str, str]) -> str:
    """A digest of the plan without what may be secret: it stands in the job ad, which anyone may read and try guesses on."""
    bare = [_without_secrets(each) for each in pod.containers]
    parts = {
        "pod": job.encode(pod._replace(containers=bare, host_aliases=[], channel=None)).decode(),
        "files": sorted((file.path, file.mode) for file in files),
        "submit": commands,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
