"""What the cluster's own services are: one pod of one container on the ordinary node, from an image that is there already."""

from collections.abc import Mapping, Sequence

from devcluster.kubernetes.certificates import NODE

Object = dict[str, object]

WITHOUT_RIGHTS: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "capabilities": {"drop": ["ALL"]},
}
"""A container's `securityContext`."""


def deployment(
    metadata: Mapping[str, object],
    labels: Mapping[str, str],
    container: Mapping[str, object],
    volumes: Sequence[Object],
    **spec: object,
) -> Object:
    """The account has the deployment's own name; ``spec`` are further fields of the pod."""
    pod = {
        "serviceAccountName": metadata["name"],
        # Never on a virtual node: their pods are jobs.
        "nodeSelector": {"kubernetes.io/hostname": NODE},
        "containers": [{"imagePullPolicy": "Never", **container}],
        "volumes": volumes,
        **spec,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
