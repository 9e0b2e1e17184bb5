"""What a session's pod may not be, whatever its image wants: Kubernetes' restricted Pod Security standard.

The traits make it so, `objections` looks at the finished pod, since other configuration of the hub can add to it.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hub_config.settings import Home

CONTAINER: dict[str, Any] = {
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def traits(home: Home) -> dict[str, Any]:
    """Values of KubeSpawner's traits."""
    return {
        "uid": home.uid,
        "gid": home.gid,
        "fs_gid": home.gid,
        "privileged": False,
        "allow_privilege_escalation": False,
        "container_security_context": CONTAINER,
        "pod_security_context": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            # a home of many files would be walked through at every start otherwise
            "fsGroupChangePolicy": "OnRootMismatch",
        },
        "automount_service_account_token": False,
    }


def objections(pod: Mapping[str, Any]) -> list[str]:
    """What of the finished pod (as JSON) isn't allowed to a session."""
    spec = pod["spec"]
    found = [f"spec.{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if spec.get("automountServiceAccountToken") is not False:
        found.append("spec.automountServiceAccountToken is not false")
    for where, container in _containers(spec):
        context = container.get("securityContext") or {}
        if context.get("privileged"):
            found.append(f"{where}.securityContext.privileged is true")
        if context.get("allowPrivilegeEscalation") is not False:
            found.append(f"{where}.securityContext.allowPrivilegeEscalation is not false")
        if not context.get("runAsNonRoot", (spec.get("securityContext") or {}).get("runAsNonRoot")):
            found.append(f"{where}.securityContext.runAsNonRoot is not true")
        if context.get("runAsUser") == 0:
            found.append(f"{where}.securityContext.runAsUser is 0")
        capabilities = context.get("capabilities") or {}
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            found.append(f"{where}.securityContext.capabilities are not dropped")
    return found


def _containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"spec.{kind}[{index}]", container
