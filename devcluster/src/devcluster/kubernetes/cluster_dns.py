"""CoreDNS as the cluster's DNS, and the manifests that install it."""

from devcluster.addresses import AddressPlan
from devcluster.kubernetes.deployment import deployment
from devcluster.kubernetes.node import CLUSTER_DNS
from devcluster.kubernetes.rights import binding, role, rule

_META = {"name": "coredns", "namespace": "kube-system"}
_ROLE = {"name": "system:coredns"}
_LABELS = {"k8s-app": "kube-dns"}
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))


def corefile(plan: AddressPlan) -> str:
    """Without `forward`: there is nowhere to forward to, and an unknown name shall fail at once."""
    hosts = "\n".join(f"        {address} {' '.join(names)}" for address, names in plan.names().items())
    return f"""\
.:53 {{
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }}
    prometheus :9153
    hosts {{
{hosts}
        fallthrough
    }}
    cache 30
    loadbalance
    reload 5s
}}
"""


def manifests(plan: AddressPlan, image: str) -> list[dict[str, object]]:
    found = ("list", "watch")
    rules = [
        rule("", ["endpoints", "services", "pods", "namespaces"], found),
        rule("discovery.k8s.io", ["endpointslices"], found),
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _META},
        role("ClusterRole", _ROLE, rules),
        binding("ClusterRoleBinding", _ROLE, ("ClusterRole", _ROLE["name"]), _META),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _META, "data": {"Corefile": corefile(plan)}},
        deployment(
            _META,
            _LABELS,
            _container(image),
            [{"name": "configuration", "configMap": {"name": "coredns"}}],
            priorityClassName="system-cluster-critical",
            dnsPolicy="Default",
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": _LABELS},
            "spec": {
                "clusterIP": CLUSTER_DNS,
                "selector": _LABELS,
                "ports": [{"name": name, "port": 53, "protocol": protocol} for name, protocol in _PORTS],
            },
        },
    ]


def _container(image: str) -> dict[str, object]:
    return {
        "name": "coredns",
        "image": image,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "170Mi"}},
        "ports": [{"name": name, "containerPort": 53, "protocol": protocol} for name, protocol in _PORTS],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 30},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns", "readOnly": True}],
    }
