"""What nodes and pods use (`kubectl top`, autoscalers): metrics-server, and the manifests that install it.

It reads `/metrics/resource` of each kubelet, virtual nodes' among them, by the InternalIP and port of the Node and with the token
of its account, which needs `nodes/metrics`. Kubelets here have certificates of their own making, so it does not check them.
"""

from devcluster.kubernetes.deployment import WITHOUT_RIGHTS, deployment
from devcluster.kubernetes.rights import GROUP, READ, binding, role, rule

NAMESPACE = "kube-system"
PROGRAM = "metrics-server"
PORT = 10250
RESOLUTION = "15s"
_META = {"name": PROGRAM, "namespace": NAMESPACE}
_LABELS = {"app": PROGRAM}


def manifests(image: str) -> list[dict[str, object]]:
    """An aggregated API of the API server's, `metrics.k8s.io`."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _META},
        *_rights(),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _META,
            "spec": {"selector": _LABELS, "ports": [{"name": "https", "port": 443, "targetPort": PORT}]},
        },
        deployment(_META, _LABELS, _container(image), [{"name": "own-certificate", "emptyDir": {}}]),
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": _META,
                "insecureSkipTLSVerify": True,  # its certificate is self-made, as upstream's manifests have it
            },
        },
    ]


def _rights() -> list[dict[str, object]]:
    own, reading = {"name": f"system:{PROGRAM}"}, "system:aggregated-metrics-reader"
    everybody = {f"{GROUP}/aggregate-to-{each}": "true" for each in ("view", "edit", "admin")}
    delegator, reader = "system:auth-delegator", "extension-apiserver-authentication-reader"
    return [
        role("ClusterRole", own, [rule("", ["nodes/metrics"], ["get"]), rule("", ["pods", "nodes"], READ)]),
        role("ClusterRole", {"name": reading, "labels": everybody}, [rule("metrics.k8s.io", ["pods", "nodes"], READ)]),
        binding("ClusterRoleBinding", own, ("ClusterRole", own["name"]), _META),
        binding("ClusterRoleBinding", {"name": f"{PROGRAM}:{delegator}"}, ("ClusterRole", delegator), _META),
        binding("RoleBinding", {"name": f"{PROGRAM}-auth-reader", "namespace": NAMESPACE}, ("Role", reader), _META),
    ]


def _container(image: str) -> dict[str, object]:
    probe: dict[str, object] = {"scheme": "HTTPS", "port": PORT}
    return {
        "name": PROGRAM,
        "image": image,
        "args": [
            f"--secure-port={PORT}",
            "--cert-dir=/tmp",
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            "--kubelet-insecure-tls",
            f"--metric-resolution={RESOLUTION}",
        ],
        "ports": [{"name": "https", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/livez", **probe}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "192Mi"}},
        "securityContext": WITHOUT_RIGHTS,
        "volumeMounts": [{"name": "own-certificate", "mountPath": "/tmp"}],  # noqa: S108 - the container's
    }
