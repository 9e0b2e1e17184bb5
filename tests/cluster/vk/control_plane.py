"""A control plane without nodes: etcd and a real kube-apiserver on loopback ports, with RBAC, for one test session.

The programs are those of the development cluster, taken from its cache or put there. Nothing schedules and nothing collects garbage
here: tests bind pods themselves, and what is deleted or written was the virtual kubelet's doing.
"""

import contextlib
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from devcluster.kubernetes.programs import kubernetes
from devcluster.paths import cache_root, find_checkout
from devcluster.steps import StepLog

from devcluster import golang, rootfs
from tests.fakes.certificates import Authority

ADMIN, VK, NOBODY = "admin", "vk", "nobody"
RESTRICTED_NODE = "restricted"
RESTRICTED = f"system:node:{RESTRICTED_NODE}"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
START_SECONDS = 60


@dataclass(frozen=True)
class ControlPlane:
    """Where it is and how users get in."""

    url: str
    folder: Path
    tokens: dict[str, str]

    def kubeconfig(self, user: str) -> Path:
        path = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": user}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path


def _programs(log: Path) -> tuple[list[str], str]:
    """How to run etcd, and kube-apiserver."""
    cache, checkout = cache_root(), find_checkout()
    built = golang.ensure(kubernetes(checkout), checkout, cache, StepLog(log, print))
    machine = rootfs.ensure(rootfs.MACHINE, cache, log)
    # etcd is linked against that tree's libraries, which may be newer than this machine's
    loader = next((machine / "usr/lib64").glob("ld-linux*.so.*"), None) or next((machine / "usr/lib").glob("ld-linux*"))
    libraries = next((machine / "usr/lib").glob("*-linux-gnu"))
    return [str(loader), "--library-path", str(libraries), str(machine / "usr/bin/etcd")], str(built / "kube-apiserver")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Run both programs inside the context."""
    etcd, apiserver = _programs(folder / "build.log")
    client_port, peer_port, api_port = free_ports(3)
    plane = ControlPlane(
        f"https://127.0.0.1:{api_port}", folder, {u: secrets.token_hex(16) for u in (ADMIN, VK, NOBODY, RESTRICTED)}
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(running_program([*etcd, *_etcd_flags(folder, client_port, peer_port)], folder / "etcd.log"))
        process = stack.enter_context(
            running_program([apiserver, *_apiserver_flags(plane, client_port, api_port)], folder / "apiserver.log")
        )
        _wait_until_ready(plane, process)
        yield plane


def _etcd_flags(folder: Path, client_port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _apiserver_flags(plane: ControlPlane, etcd_port: int, port: int) -> list[str]:
    folder = plane.folder
    authority = Authority.create(folder, "client-ca")
    kubelet_client = authority.client(folder, KUBELET_CLIENT, organization="kubelet-readers")
    groups = {ADMIN: "system:masters", RESTRICTED: "system:nodes"}
    users = (f"{token},{user},{user},{groups.get(user, user)}" for user, token in plane.tokens.items())
    (folder / "tokens.csv").write_text("\n".join(users) + "\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "sa.key").write_bytes(key.private_bytes(*encoding))
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'serving'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={authority.file}",
        f"--kubelet-client-certificate={kubelet_client.cert}",
        f"--kubelet-client-key={kubelet_client.key}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'sa.key'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--endpoint-reconciler-type=none",
    ]


CONTROLLERS = (
    *("deployment-controller", "replicaset-controller", "statefulset-controller", "daemonset-controller"),
    *("job-controller", "cronjob-controller", "garbage-collector-controller", "pod-garbage-collector-controller"),
)
"""Without those of accounts and their certificates, which tests put in place themselves."""


@contextlib.contextmanager
def controllers(plane: ControlPlane) -> Iterator[None]:
    """Run the controllers of workloads inside the context. Pods are not scheduled: their templates name the node."""
    kubeconfig = plane.kubeconfig(ADMIN)
    built = Path(_programs(plane.folder / "build.log")[1]).parent
    (port,) = free_ports(1)
    argv = [
        str(built / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={plane.folder / 'controllers'}",
        "--leader-elect=false",
    ]
    with running_program(argv, plane.folder / "controllers.log"):
        yield


@contextlib.contextmanager
def running_program(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs inside the context and writes to `log`."""
    with log.open("wb") as sink, _process(argv, sink) as process:
        yield process


@contextlib.contextmanager
def _process(argv: list[str], sink: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(plane: ControlPlane, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"{plane.url}/readyz", headers={"Authorization": f"Bearer {plane.tokens[ADMIN]}"})
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, context=context, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            log = (plane.folder / "apiserver.log").read_text()[-2000:]
            assert process.poll() is None and time.monotonic() < deadline, f"no control plane: {error}\n{log}"
            time.sleep(0.2)
