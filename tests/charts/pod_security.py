"""The restricted Pod Security standard, as its page words it: per container, with the pod's settings where it has none."""

from collections.abc import Iterator

from tests.charts.rendering import Object

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def restricted_violations(pod: Object) -> list[str]:
    """What an API server would refuse a pod for in a namespace that enforces the standard."""
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    for volume in pod.get("volumes", []):
        found += [f"volume {volume['name']} is a {kind}" for kind in volume.keys() - {"name"} - ALLOWED_VOLUMES]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        effective = pod.get("securityContext", {}) | container.get("securityContext", {})
        found += [f"{container['name']}: {violation}" for violation in _of_container(container, effective)]
    return found


def _of_container(container: Object, context: Object) -> Iterator[str]:
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if "ALL" not in context.get("capabilities", {}).get("drop", []):
        yield "keeps capabilities"
    if set(context.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "has a port of the host"
