"""What a pod's and its containers' security contexts ask for, against what a job's containers are.

They run as the job's unprivileged account in a user namespace, with no capabilities, no way to gain any (`no_new_privs`), and the
machine's own restrictions. What that satisfies is accepted; the rest is rejected, never honoured by half.
"""

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.supported import Check, check, harmless, rejected
from condor_sidecar.core.policy import Policy

OWN_ACCOUNT = "containers run as the job's own account at this site"


def check_pod(node: Node, policy: Policy) -> None:
    """Complain about what `spec.securityContext` asks for in vain."""
    check(node, _common(policy) | {
        "fsGroup": _ids(policy),
        "supplementalGroups": _ids(policy),
        "fsGroupChangePolicy": harmless,  # how fsGroup would be applied
        "supplementalGroupsPolicy": harmless,  # how groups would be found
        "sysctls": rejected("kernel parameters can't be set by a job: remove them"),
    })  # fmt: skip


def check_container(node: Node, policy: Policy) -> None:
    """Complain about what a container's `securityContext` asks for in vain."""
    check(node, _common(policy) | {
        "readOnlyRootFilesystem": harmless,  # read where the container is made
        "privileged": rejected("privileged containers can't run in a job: remove it"),
        "allowPrivilegeEscalation": rejected("no privileges can be gained in a job: set it to false"),
        "capabilities": _capabilities,
        "procMount": _default_proc,
    })  # fmt: skip


def _common(policy: Policy) -> dict[str, Check]:
    return {
        "runAsNonRoot": harmless,  # a job never runs as root
        "runAsUser": _ids(policy),
        "runAsGroup": _ids(policy),
        "seccompProfile": _profile,
        "appArmorProfile": _profile,
        "seLinuxOptions": rejected("SELinux labels can't be chosen by a job: remove them"),
        "seLinuxChangePolicy": harmless,  # how labels would be applied
        "windowsOptions": rejected("only Linux pods run at this site: remove them"),
    }


def _ids(policy: Policy) -> Check:
    def check_ids(node: Node) -> None:
        values = node.value if isinstance(node.value, list) else [node.value]
        if not policy.accept_user_ids and node.given:
            node.reject(f"{OWN_ACCOUNT}, user and group ids can't be chosen: remove it")
        elif node.path.endswith("runAsUser") and 0 in values:
            node.reject(f"{OWN_ACCOUNT}, never as root: remove it")

    return check_ids


def _profile(node: Node) -> None:
    """RuntimeDefault is what the site's container runtime does by default; a file of the node's is not there."""
    if node["type"].value not in (None, "RuntimeDefault", "Unconfined"):
        node.reject("profiles of the node's own are not offered at this site: use RuntimeDefault")


def _capabilities(node: Node) -> None:
    if node["add"].given:
        node["add"].reject("a job's containers have no capabilities: remove it")


def _default_proc(node: Node) -> None:
    if node.value not in (None, "", "Default"):
        node.reject("/proc can't be unmasked in a job: remove it")
