"""Kubernetes' restricted Pod Security standard, row by row, for a pod as the JSON that is sent.

A namespace may enforce less than this, or nothing; then nobody else looks.
https://kubernetes.io/docs/concepts/security/pod-security-standards/, as Kubernetes 1.37 checks it, without its exceptions for
Windows and for user namespaces.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]

_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
_SYSCTLS = frozenset(
    (
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
        *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
        *("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem", "net.ipv4.tcp_slow_start_after_idle"),
        *("net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
    )
)
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("RuntimeDefault", "Localhost")
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def violations(pod: Object) -> list[str]:
    """What an API server that enforces the standard would refuse `pod` for: sentences that begin with the field's path."""
    spec = pod["spec"]
    shared = spec.get("securityContext") or {}
    found = [f"spec.{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    found += _of_volumes(spec)
    found += _of_annotations((pod.get("metadata") or {}).get("annotations") or {})
    found += _of_sysctls(shared)
    found += _of_any_context("spec.securityContext", shared)
    for where, container in containers(spec):
        found += _of_context(f"{where}.securityContext", container.get("securityContext") or {}, shared)
        found += _of_ports(where, container)
        found += _of_probes(where, container)
    return found


def containers(spec: Object) -> Iterator[tuple[str, Object]]:
    """Every container of a pod, whatever it is for, with its path."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"spec.{kind}[{index}]", container


def volumes(spec: Object) -> Iterator[tuple[str, Object]]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield f"spec.volumes[{index}]", volume


def _of_volumes(spec: Object) -> Iterator[str]:
    for where, volume in volumes(spec):
        for kind in sorted(volume.keys() - {"name"} - _VOLUMES):
            yield f"{where}.{kind} is a kind of volume that isn't allowed"


def _of_annotations(annotations: Object) -> Iterator[str]:
    for name, value in annotations.items():
        if name.startswith(_APPARMOR_ANNOTATION) and value != "runtime/default" and not value.startswith("localhost/"):
            yield f"metadata.annotations[{name}] is {value}"


def _of_sysctls(shared: Object) -> Iterator[str]:
    for index, sysctl in enumerate(shared.get("sysctls") or ()):
        if sysctl.get("name") not in _SYSCTLS:
            yield f"spec.securityContext.sysctls[{index}] sets {sysctl.get('name')}"


def _of_any_context(where: str, context: Object) -> Iterator[str]:
    """What may be said for the pod and for a container alike."""
    if context.get("runAsUser") == 0:
        yield f"{where}.runAsUser is 0"
    if context.get("runAsNonRoot") is False:
        yield f"{where}.runAsNonRoot is false"
    for name in ("seccompProfile", "appArmorProfile"):
        kind = (context.get(name) or {}).get("type")
        if kind is not None and kind not in _PROFILES:
            yield f"{where}.{name}.type is {kind}"
    selinux = context.get("seLinuxOptions") or {}
    if (selinux.get("type") or "") not in _SELINUX_TYPES:
        yield f"{where}.seLinuxOptions.type is {selinux['type']}"
    yield from (f"{where}.seLinuxOptions.{name} is set" for name in ("user", "role") if selinux.get(name))
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{where}.windowsOptions.hostProcess is true"


def _of_context(where: str, context: Object, shared: Object) -> Iterator[str]:
    yield from _of_any_context(where, context)
    if context.get("privileged"):
        yield f"{where}.privileged is true"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{where}.allowPrivilegeEscalation is not false"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield f"{where}.capabilities.drop lacks ALL"
    added = sorted(set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"})
    if added:
        yield f"{where}.capabilities.add has {', '.join(added)}"
    if (context.get("procMount") or "Default") != "Default":
        yield f"{where}.procMount is {context['procMount']}"
    if all(each.get("runAsNonRoot") is None for each in (context, shared)):
        yield f"{where}.runAsNonRoot is not true"
    if not any((each.get("seccompProfile") or {}).get("type") for each in (context, shared)):
        yield f"{where}.seccompProfile.type is missing"


def _of_ports(where: str, container: Object) -> Iterator[str]:
    for index, port in enumerate(container.get("ports") or ()):
        if port.get("hostPort"):
            yield f"{where}.ports[{index}].hostPort is {port['hostPort']}"


def _of_probes(where: str, container: Object) -> Iterator[str]:
    """A probe of another host would make the node a client of whatever it can reach."""
    lifecycle = container.get("lifecycle") or {}
    asked = {name: container.get(name) or {} for name in _PROBES}
    asked |= {f"lifecycle.{name}": lifecycle.get(name) or {} for name in ("postStart", "preStop")}
    for name, handler in asked.items():
        for kind in ("httpGet", "tcpSocket"):
            if (handler.get(kind) or {}).get("host"):
                yield f"{where}.{name}.{kind}.host is {handler[kind]['host']}"
