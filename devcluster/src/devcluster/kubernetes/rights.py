"""Roles of the cluster's own services, and who has them."""

from collections.abc import Mapping, Sequence

GROUP = "rbac.authorization.k8s.io"
READ = ("get", "list", "watch")

Object = dict[str, object]
Rule = dict[str, list[str]]


def rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Rule:
    return {"apiGroups": [group], "resources": [*resources], "verbs": [*verbs]}


def role(kind: str, metadata: Mapping[str, object], rules: Sequence[Rule]) -> Object:
    """``kind``: Role or ClusterRole."""
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": dict(metadata), "rules": [*rules]}


def binding(kind: str, metadata: Mapping[str, object], role: tuple[str, str], account: Mapping[str, object]) -> Object:
    """``kind``: RoleBinding or ClusterRoleBinding; ``role``: kind and name; ``account``: metadata of a service account."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": GROUP, "kind": role[0], "name": role[1]},
        "subjects": [{"kind": "ServiceAccount", **account}],
    }
