"""What a kubelet looks at before it starts a pod: systems and runtimes that the node doesn't have, and users that may not be.

Such pods never reach the site. Some are refused for good, some wait as under a kubelet, which can't know whether its node will be
configured otherwise one day.
"""

from dataclasses import dataclass

from virtual_kubelet.core.object_store import MissingObjectError
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

_SAFE_SYSCTLS = frozenset({
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
})  # fmt: skip
"""Those that a kubelet allows by itself (pkg/kubelet/sysctl); whether a site sets them is for the site to say."""
_CARRIED = frozenset({"configMap", "secret", "downwardAPI", "serviceAccountToken"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The pod is Failed: `reason` as a kubelet calls it, every sentence that is to be said."""

    reason: str
    sentences: tuple[str, ...]


def refusal(pod: JsonObject, unsupported: str) -> Refusal | None:
    """Why the node will never take the pod; `unsupported` is the reason where a kubelet has none of its own."""
    system = (pod["spec"].get("os") or {}).get("name", "linux")
    if system != "linux":
        return Refusal("PodOSNotSupported", ("Failed to admit pod as the OS field doesn't match node OS",))
    sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or []
    unsafe = [sysctl["name"] for sysctl in sysctls if sysctl["name"].replace("/", ".") not in _SAFE_SYSCTLS]
    if unsafe:
        return Refusal("SysctlForbidden", tuple(f'forbidden sysctl: "{name}" not allowlisted' for name in unsafe))
    sentences = (*_projected(pod), *_variables(pod))
    return Refusal(unsupported, sentences) if sentences else None


def _projected(pod: JsonObject) -> tuple[str, ...]:
    return tuple(
        f'{kind} can\'t be carried to a site: remove it from volume "{volume["name"]}" (volumes[{at}].projected.sources[{number}])'
        for at, volume in enumerate(pod["spec"].get("volumes") or [])
        for number, source in enumerate((volume.get("projected") or {}).get("sources") or [])
        for kind in sorted(set(source) - _CARRIED)
    )


def _variables(pod: JsonObject) -> tuple[str, ...]:
    return tuple(
        f'env "{variable["name"]}" can\'t be read from a file of a volume at a site: give its value or a reference to a Secret '
        f'(container "{container["name"]}", fileKeyRef)'
        for container in pods.created_with(pod)
        for variable in container.get("env") or []
        if "fileKeyRef" in (variable.get("valueFrom") or {})
    )


def check_waiting(pod: JsonObject) -> None:
    """Raise MissingObjectError for what a kubelet would wait with, in its words."""
    runtime_class = pod["spec"].get("runtimeClassName")
    if runtime_class:
        raise MissingObjectError(
            f'Failed to create pod sandbox: failed to get sandbox runtime: no runtime for RuntimeClass "{runtime_class}" is '
            "configured: containers run in Apptainer at this site; remove runtimeClassName",
            reason="ContainerCreating",
            event="FailedCreatePodSandBox",
        )
    shared = pod["spec"].get("securityContext") or {}
    for container in pods.created_with(pod):
        context = shared | {k: v for k, v in (container.get("securityContext") or {}).items() if v is not None}
        if context.get("runAsNonRoot") and context.get("runAsUser") == 0:
            raise MissingObjectError(
                f'container\'s runAsUser breaks non-root policy (pod: "{pods.name(pod)}_{pods.namespace(pod)}({pods.uid(pod)})", '
                f"container: {container['name']})"
            )
