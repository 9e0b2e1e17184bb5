"""What a pod's and its containers' security contexts ask for, against what a job's containers are.

They run as the job's unprivileged account in a user namespace, with no capabilities, no way to gain any (`no_new_privs`), and the
machine's own restrictions. In a namespace of its own a container may bear another user's and group's number, 0 included, which
gives it no rights. What all that satisfies is accepted; the rest is rejected, never honoured by half. The table for readers is in
docs/pods-at-a-site.md.
"""

from typing import Final, NamedTuple

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.supported import Check, check, harmless, rejected
from condor_sidecar.core.policy import Policy

OWN_ACCOUNT: Final = "containers run as the job's own account at this site"
LARGEST_ID: Final = 2**31 - 1  # Kubernetes'


class RunAs(NamedTuple):
    """Who a container runs as; None: what its image says, where `image_user`, else the job's account."""

    user: int | None
    group: int | None
    image_user: bool
    non_root: bool


def run_as(pod: Node, container: Node, policy: Policy) -> RunAs:
    """What both security contexts together ask for; the container's counts. Complains about a root that may be none."""
    user, group, non_root = (
        (container if container[name].value is not None else pod)[name]
        for name in ("runAsUser", "runAsGroup", "runAsNonRoot")
    )
    if non_root.flag() and user.number() == 0:
        user.reject("runAsNonRoot forbids user 0: remove one of both")
    return RunAs(user.number(), group.number(), policy.user_ids, non_root.flag())


def check_pod(node: Node, policy: Policy) -> None:
    """Complain about what `spec.securityContext` asks for in vain."""
    check(node, _common(policy) | {
        "fsGroup": _id(policy),  # a container's volumes are its own user's
        "supplementalGroups": _groups(policy),
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
        "runAsNonRoot": harmless,  # read by run_as; for an image's own user, where the image is
        "runAsUser": _id(policy),
        "runAsGroup": _id(policy),
        "seccompProfile": _profile,
        "appArmorProfile": _profile,
        "seLinuxOptions": harmless,  # without effect on a machine without SELinux, as under a kubelet; read by labelled
        "seLinuxChangePolicy": harmless,  # how labels would be applied
        "windowsOptions": rejected("only Linux pods run at this site: remove them"),
    }


def _id(policy: Policy) -> Check:
    def check_id(node: Node) -> None:
        number = node.number()
        if number is not None and not policy.user_ids:
            node.reject(f"{OWN_ACCOUNT}, user and group ids can't be chosen: remove it")
        elif number is not None and not 0 <= number <= LARGEST_ID:
            node.reject(f"{number} is not between 0 and {LARGEST_ID}: correct it")

    return check_id


def _groups(policy: Policy) -> Check:
    def check_groups(node: Node) -> None:
        if node.given and not policy.ignore_groups:
            node.reject("a job's containers have one group: remove it, or use runAsGroup")

    return check_groups


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


def labelled(shared: Node, own: Node) -> bool:
    """Whether the container asks for an SELinux label, which a job can't choose where the machine has SELinux."""
    return shared["seLinuxOptions"].given or own["seLinuxOptions"].given
