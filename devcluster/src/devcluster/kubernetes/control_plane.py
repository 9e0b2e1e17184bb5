"""etcd, API server, controller manager and scheduler as programs of the node's machine."""

from collections.abc import Mapping

from devcluster.addresses import AddressPlan
from devcluster.kubernetes.certificates import API_PORT, INSIDE
from devcluster.machine import Program
from devcluster.network import SERVICE_SUBNET

ETCD = "https://127.0.0.1:2379"
ISSUER = "https://kubernetes.default.svc.cluster.local"


def etcd() -> Program:
    flags = {
        "name": "hub",
        "data-dir": "/var/lib/etcd",
        "listen-client-urls": ETCD,
        "advertise-client-urls": ETCD,
        "listen-peer-urls": "http://127.0.0.1:2380",
        "initial-advertise-peer-urls": "http://127.0.0.1:2380",
        "initial-cluster": "hub=http://127.0.0.1:2380",
        "cert-file": f"{INSIDE}/etcd.crt",
        "key-file": f"{INSIDE}/etcd.key",
        "client-cert-auth": "true",
        "trusted-ca-file": f"{INSIDE}/ca.crt",
        # A development cluster's data is worth less than the seconds that fsync takes on a shared disk.
        "unsafe-no-fsync": "true",
        "auto-compaction-retention": "1",
        "log-level": "warn",
    }
    return Program("etcd", _argv("etcd", flags), order=10)


def apiserver(plan: AddressPlan) -> Program:
    flags = {
        "advertise-address": str(plan.hub),
        "secure-port": str(API_PORT),
        "tls-cert-file": f"{INSIDE}/apiserver.crt",
        "tls-private-key-file": f"{INSIDE}/apiserver.key",
        "client-ca-file": f"{INSIDE}/ca.crt",
        "etcd-servers": ETCD,
        "etcd-cafile": f"{INSIDE}/ca.crt",
        "etcd-certfile": f"{INSIDE}/etcd-client.crt",
        "etcd-keyfile": f"{INSIDE}/etcd-client.key",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "service-cluster-ip-range": SERVICE_SUBNET,
        "service-account-issuer": ISSUER,
        "service-account-key-file": f"{INSIDE}/service-accounts.pub",
        "service-account-signing-key-file": f"{INSIDE}/service-accounts.key",
        "kubelet-client-certificate": f"{INSIDE}/kubelet-client.crt",
        "kubelet-client-key": f"{INSIDE}/kubelet-client.key",
        # Node names, of virtual nodes above all, aren't in any DNS.
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": f"{INSIDE}/ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": f"{INSIDE}/front-proxy.crt",
        "proxy-client-key-file": f"{INSIDE}/front-proxy.key",
    }
    return Program("kube-apiserver", _argv("kube-apiserver", flags), order=20, stop_seconds=3)


def controller_manager() -> Program:
    kubeconfig = f"{INSIDE}/controller-manager.kubeconfig"
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",  # there is one; waiting for an old lease would cost 15 s of each start
        "use-service-account-credentials": "true",
        "service-account-private-key-file": f"{INSIDE}/service-accounts.key",
        "root-ca-file": f"{INSIDE}/ca.crt",
        "cluster-signing-cert-file": f"{INSIDE}/ca.crt",
        "cluster-signing-key-file": f"{INSIDE}/ca.key",
    }
    return Program("kube-controller-manager", _argv("kube-controller-manager", flags), order=30)


def scheduler() -> Program:
    kubeconfig = f"{INSIDE}/scheduler.kubeconfig"
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
    }
    return Program("kube-scheduler", _argv("kube-scheduler", flags), order=30)


def _argv(program: str, flags: Mapping[str, str]) -> tuple[str, ...]:
    return (program, *(f"--{name}={value}" for name, value in flags.items()))
