"""A container of the pod as the supervisor is to run it."""

from typing import Final

from condor_sidecar.core.compile import annotations, resources, security, supported
from condor_sidecar.core.compile.environment import environment, expanded
from condor_sidecar.core.compile.images import image
from condor_sidecar.core.compile.mounts import compile_mounts
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.probes import compile_care
from condor_sidecar.core.compile.volumes import Volumes
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import CONTAINER_NAME, ContainerKind

KINDS: Final = {
    ContainerKind.INIT: job.INIT,
    ContainerKind.SIDECAR: job.SIDECAR,
    ContainerKind.MAIN: job.MAIN,
    ContainerKind.EPHEMERAL: job.EPHEMERAL,
}
MESSAGE_PATH: Final = "/dev/termination-log"


def compile_container(
    node: Node, kind: ContainerKind, *, shared: Node, volumes: Volumes, declared: set[str], policy: Policy
) -> tuple[job.Container, resources.Amounts]:
    """The container, and what it asks of the job; complains about what can't be had. `shared` is the pod's security context."""
    supported.check(node, supported.EPHEMERAL if kind is ContainerKind.EPHEMERAL else supported.CONTAINER)
    security.check_container(node["securityContext"], policy)
    _check_ports(node)
    name = node["name"].text()
    if not CONTAINER_NAME.fullmatch(name):
        node["name"].reject(f'"{name}" can\'t be the name of a container: use lower case letters, digits and hyphens')
    _check_restart_policy(node["restartPolicy"], kind)
    variables = environment(node)
    care = compile_care(node, kind, variables, policy.max_grace_seconds)
    amounts = resources.amounts(node["resources"])
    run_as = security.run_as(shared, node["securityContext"], policy)
    container = job.Container(
        name=name,
        kind=KINDS[kind],
        image=_image(node, policy),
        command=expanded(node["command"], variables),
        args=expanded(node["args"], variables),
        env=list(variables.items()),
        work_dir=_work_dir(node["workingDir"]),
        mounts=compile_mounts(node, variables, volumes, declared),
        read_only_root=node["securityContext"]["readOnlyRootFilesystem"].flag(),
        gpu=resources.gpu_kind(amounts),
        message_path=_message_path(node["terminationMessagePath"]),
        message_from_log=_message_from_log(node["terminationMessagePolicy"]),
        user=run_as.user,
        group=run_as.group,
        image_user=run_as.image_user,
        non_root=run_as.non_root,
        labelled=security.labelled(shared, node["securityContext"]),
        startup=care.startup,
        readiness=care.readiness,
        liveness=care.liveness,
        post_start=care.post_start,
        pre_stop=care.pre_stop,
        memory_limit=resources.limit(node["resources"], resources.MEMORY),
        storage_limit=resources.limit(node["resources"], resources.DISK),
        stdin=node["stdin"].flag(),
        stdin_once=node["stdinOnce"].flag(),
        tty=node["tty"].flag(),
        stop_signal=care.stop_signal,
        target=node["targetContainerName"].text() if kind is ContainerKind.EPHEMERAL else "",
    )
    return container, amounts


def unquoted(container: job.Container) -> job.Container:
    """The container with its words as legacy quoting leaves them (annotation `arg-quoting`)."""
    words = annotations.unquoted([*container.command, *container.args])
    return container._replace(command=words[: len(container.command)], args=words[len(container.command) :])


def _image(node: Node, policy: Policy) -> job.Image:
    found = image(node["image"], policy.images)
    pulled = node["imagePullPolicy"].text()
    if pulled not in ("", "Always", "IfNotPresent", "Never"):
        node["imagePullPolicy"].reject(f'"{pulled}" is not known: use Always, IfNotPresent or Never')
    return found._replace(pull="", never_pull=True) if pulled == "Never" else found


def _check_restart_policy(node: Node, kind: ContainerKind) -> None:
    """An init container with Always is a sidecar; nothing else has a policy of its own."""
    if node.given and kind is not ContainerKind.SIDECAR:
        node.reject(supported.ONE_POLICY)


def _work_dir(node: Node) -> str:
    text = node.text()
    return "/" + text.lstrip("/") if text else ""


def _message_path(node: Node) -> str:
    text = node.text() or MESSAGE_PATH
    below = text.removeprefix("/dev/")
    if not text.startswith("/") or ".." in text.split("/") or (below != text and "/" in below):
        node.reject(f'"{text}" can\'t be written to at this site: use a path such as {MESSAGE_PATH}')
        return MESSAGE_PATH
    return text


def _message_from_log(node: Node) -> bool:
    text = node.text() or "File"
    if text not in ("File", "FallbackToLogsOnError"):
        node.reject(f'terminationMessagePolicy "{text}" is not known: use File or FallbackToLogsOnError')
    return text == "FallbackToLogsOnError"


def _check_ports(node: Node) -> None:
    """Ports are only told; a port of the machine can't be kept for a pod, but is the pod's own where it shares the network."""
    for port in node["ports"].elements():
        host_port = port["hostPort"]
        if host_port.number() and host_port.value != port["containerPort"].value:
            host_port.reject("a port of the machine can't be mapped to another at this site: remove it")
