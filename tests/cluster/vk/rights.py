"""The virtual kubelet's rights, exactly as docs/configuration/virtual-kubelet.md lists them: the tests run with no more."""

from typing import Any

from kubernetes_client.api import ApiServer

from tests.cluster.vk.control_plane import NOBODY, VK

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"


def _rule(resources: list[str], verbs: list[str], group: str = "", names: list[str] | None = None) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs} | ({"resourceNames": names} if names else {})


def cluster_rules(node: str) -> list[dict[str, Any]]:
    return [
        _rule(["nodes"], ["create"]),
        _rule(["nodes"], ["get", "patch"], names=[node]),
        _rule(["nodes/status"], ["patch"], names=[node]),
        _rule(["pods"], ["get", "list", "watch", "delete"]),
        _rule(["pods/status"], ["patch"]),
        _rule(["events"], ["create", "patch"]),
        _rule(["persistentvolumes"], ["get"]),
    ]


NAMESPACE_RULES = [
    _rule(["configmaps", "secrets"], ["get"]),
    _rule(["serviceaccounts/token"], ["create"]),
    _rule(["persistentvolumeclaims"], ["get"]),
]


def lease_rules(node: str) -> list[dict[str, Any]]:
    group = "coordination.k8s.io"
    return [_rule(["leases"], ["create"], group), _rule(["leases"], ["get", "patch"], group, [node])]


async def _bind(
    api: ApiServer, kind: str, name: str, *, namespace: str = "", role: str = "Role", user: str = VK
) -> None:
    path = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    await api.post(
        path,
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": role, "name": kind},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
        },
    )


async def _role(api: ApiServer, name: str, rules: list[dict[str, Any]], namespace: str = "", user: str = VK) -> None:
    path = f"{RBAC}/namespaces/{namespace}/roles" if namespace else f"{RBAC}/clusterroles"
    kind = "Role" if namespace else "ClusterRole"
    await api.post(path, {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, "rules": rules})
    await _bind(api, name, name, namespace=namespace, role=kind, user=user)


async def grant(api: ApiServer, node: str, namespace: str) -> None:
    """What one virtual node needs, for pods of one namespace."""
    await _role(api, node, cluster_rules(node))
    await _role(api, node, NAMESPACE_RULES, namespace)
    await _role(api, node, lease_rules(node), "kube-node-lease")
    await _bind(api, "system:auth-delegator", f"{node}-reviews", role="ClusterRole")
    reader = "extension-apiserver-authentication-reader"
    await _bind(api, reader, node, namespace="kube-system")


async def grant_logs(api: ApiServer, user: str = NOBODY) -> None:
    """Let somebody use the kubelet ports of all nodes."""
    await _role(api, "kubelet-port", [_rule(["nodes/proxy"], ["get", "create"])], user=user)


async def grant_metrics(api: ApiServer, user: str = NOBODY) -> None:
    """Let somebody read what nodes use, as metrics-server may."""
    await _role(api, "kubelet-metrics", [_rule(["nodes/metrics"], ["get"])], user=user)
