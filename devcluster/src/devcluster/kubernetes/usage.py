"""What nodes and pods use (`kubectl top`, autoscalers): metrics-server, and the manifests that install it.

It reads `/metrics/resource` of each kubelet, virtual nodes' among them, by the InternalIP and port of the Node and with the token
of its account, which needs `nodes/metrics`. Kubelets here have certificates of their own making, so it does not check them.
"""

NAMESPACE = "kube-system"
PROGRAM = "metrics-server"
PORT = 10250
RESOLUTION = "15s"
_META = {"name": PROGRAM, "namespace": NAMESPACE}
_LABELS = {"app": PROGRAM}
_GROUP = "rbac.authorization.k8s.io"


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
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**_META, "labels": _LABELS},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": _pod(image)},
            },
        },
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
    rules: list[dict[str, object]] = [
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
    ]
    reading = [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}]
    everybody = {f"{_GROUP}/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
    return [
        _role(f"system:{PROGRAM}", rules),
        _role("system:aggregated-metrics-reader", reading, everybody),
        _binding("ClusterRoleBinding", f"system:{PROGRAM}", ("ClusterRole", f"system:{PROGRAM}")),
        _binding("ClusterRoleBinding", f"{PROGRAM}:system:auth-delegator", ("ClusterRole", "system:auth-delegator")),
        _binding("RoleBinding", f"{PROGRAM}-auth-reader", ("Role", "extension-apiserver-authentication-reader")),
    ]


def _role(name: str, rules: object, labels: dict[str, str] | None = None) -> dict[str, object]:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": f"{_GROUP}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def _binding(kind: str, name: str, role: tuple[str, str]) -> dict[str, object]:
    metadata = {"name": name, **({"namespace": NAMESPACE} if kind == "RoleBinding" else {})}
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _GROUP, "kind": role[0], "name": role[1]},
        "subjects": [{"kind": "ServiceAccount", **_META}],
    }


def _pod(image: str) -> dict[str, object]:
    probe: dict[str, object] = {"scheme": "HTTPS", "port": PORT}
    container = {
        "name": PROGRAM,
        "image": image,
        "imagePullPolicy": "Never",
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
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "own-certificate", "mountPath": "/tmp"}],  # noqa: S108 - the container's
    }
    return {
        "serviceAccountName": PROGRAM,
        # Never on a virtual node: their pods are jobs.
        "nodeSelector": {"kubernetes.io/hostname": "hub"},
        "containers": [container],
        "volumes": [{"name": "own-certificate", "emptyDir": {}}],
    }
