"""Certificates and kubeconfigs of the Kubernetes programs. Who a program is, is said by its certificate's subject."""

import json
from base64 import b64encode
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from devcluster.addresses import HUB_NAME, AddressPlan
from devcluster.pki import Authority, KeyPair, signing_key

NODE = "hub"
API_PORT = 6443
FIRST_SERVICE = IPv4Address("10.96.0.1")
LOOPBACK = IPv4Address("127.0.0.1")
FOLDER = "kubernetes"  # below the platform's pki folder
INSIDE = "/etc/kubernetes/pki"  # where the node sees that folder

_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")


@dataclass(frozen=True)
class Identity:
    """A client of the API server: file name, user, group."""

    name: str
    user: str
    group: str = ""


ADMIN = Identity("admin", "kubernetes-admin", "system:masters")
CLIENTS = (
    ADMIN,
    Identity("controller-manager", "system:kube-controller-manager"),
    Identity("scheduler", "system:kube-scheduler"),
    Identity("proxy", "system:kube-proxy"),
    Identity("kubelet", f"system:node:{NODE}", "system:nodes"),
)


def issue_all(authority: Authority, plan: AddressPlan) -> None:
    """Everything the node mounts at INSIDE; what is good already stays."""
    folder = authority.folder / FOLDER
    authority.issue(
        f"{FOLDER}/apiserver",
        "kube-apiserver",
        dns=(*_API_NAMES, HUB_NAME, "localhost"),
        addresses=(plan.hub, FIRST_SERVICE, LOOPBACK),
    )
    authority.issue(f"{FOLDER}/etcd", "etcd", dns=("localhost",), addresses=(LOOPBACK,))
    authority.issue(f"{FOLDER}/etcd-client", "kube-apiserver-etcd-client")
    authority.issue(f"{FOLDER}/kubelet-client", "kube-apiserver-kubelet-client", organization="system:masters")
    authority.issue(f"{FOLDER}/front-proxy", "front-proxy-client")
    authority.issue(f"{FOLDER}/kubelet-server", f"system:node:{NODE}", dns=(NODE, HUB_NAME), addresses=(plan.hub,))
    signing_key(folder / "service-accounts.key")
    # Copies: the node needs the authority's key for the signing controller, and must not see other parts' keys.
    for source in (authority.pair.certificate, authority.pair.key):
        _copy(source, folder / source.name)
    for identity in CLIENTS:
        pair = authority.issue(f"{FOLDER}/{identity.name}", identity.user, organization=identity.group)
        server = f"https://{plan.hub}:{API_PORT}"
        _write(
            folder / f"{identity.name}.kubeconfig", kubeconfig(server, authority.pair.certificate, pair, identity.user)
        )


def kubeconfig(server: str, authority: Path, pair: KeyPair, user: str, cluster: str = "highrate") -> str:
    """A self-contained kubeconfig (JSON, which is YAML)."""

    def inline(place: Path) -> str:
        return b64encode(place.read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": inline(authority)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": inline(pair.certificate),
                    "client-key-data": inline(pair.key),
                },
            }
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_text())


def _write(place: Path, text: str) -> None:
    if place.is_file() and place.read_text() == text:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch(mode=0o600)
    place.write_text(text)
