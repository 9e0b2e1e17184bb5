"""Bringing the node's machine to the state of a working cluster, and asking whether it is."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import pki
from devcluster.commands import CommandFailed, run
from devcluster.images import cvmfs
from devcluster.images.reference import Image
from devcluster.kubernetes import certificates, cluster_dns, control_plane, node
from devcluster.machine import Bind, Machine
from devcluster.network import Network
from devcluster.paths import Checkout
from devcluster.steps import StepLog, pause

BIN = "/opt/kubernetes/bin"
IMAGES = "/opt/images"


class NotReady(Exception):
    """Something didn't come up in time; the message says what was seen last."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to one cluster."""

    program: Path
    kubeconfig: Path

    def __call__(self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 120) -> str:
        return run(
            [self.program, f"--kubeconfig={self.kubeconfig}", *words], stdin=stdin, check=check, timeout=timeout
        ).stdout

    def apply(self, objects: Sequence[dict[str, object]]) -> None:
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self("apply", "--server-side", "--force-conflicts", "--field-manager=devcluster", "-f", "-", stdin=document)


def node_machine(checkout: Checkout, network: Network, tree: Path, programs: Path, cache: Path) -> Machine:
    """The machine of the control plane and the node. State that an overlay can't hold lies on plain folders."""
    volumes = checkout.volumes / "node"
    images = cache / "images"
    images.mkdir(parents=True, exist_ok=True)
    return Machine(
        checkout,
        "node",
        tree,
        "hub",
        network.hub_netns,
        (
            *(Bind(volumes / name, f"/var/lib/{name}") for name in ("etcd", "containerd", "kubelet")),
            Bind(volumes / "pod-logs", "/var/log/pods"),
            Bind(checkout.pki / certificates.FOLDER, certificates.INSIDE, read_only=True),
            Bind(programs, BIN, read_only=True),
            Bind(images, IMAGES, read_only=True),
            cvmfs.bind(cache),
            *node.kernel_binds(checkout.run / "kernel-settings"),
        ),
    )


def prepare_certificates(checkout: Checkout, network: Network) -> pki.Authority:
    """All certificates of Kubernetes, and the administrator's kubeconfig."""
    authority = pki.Authority(checkout.pki)
    certificates.issue_all(authority, network.plan)
    own = checkout.pki / certificates.FOLDER / f"{certificates.ADMIN.name}.kubeconfig"
    if not checkout.kubeconfig.is_file() or checkout.kubeconfig.read_bytes() != own.read_bytes():
        checkout.kubeconfig.touch(mode=0o600)
        shutil.copyfile(own, checkout.kubeconfig)
    return authority


def start_node(machine: Machine, network: Network, pause_image: Image) -> None:
    """Start or repair the machine and the programs that need no API server."""
    machine.start()
    machine.write("/etc/hosts", network.plan.hosts_file())
    node.write_configuration(machine, network.plan, pause_image.reference)
    for program in (control_plane.etcd(), control_plane.apiserver(network.plan), node.containerd()):
        machine.supervise(program)


def start_clients(machine: Machine, network: Network) -> None:
    """The programs that would only die and start again until the API server answers."""
    clients = (
        control_plane.controller_manager(),
        control_plane.scheduler(),
        node.kubelet(network.plan),
        node.kube_proxy(),
    )
    for program in clients:
        machine.supervise(program)


def wait_for_api(kubectl: Kubectl, seconds: float = 90) -> None:
    wait_until(lambda: kubectl("get", "--raw=/readyz", timeout=10) == "ok", seconds, "the API server")


def import_images(machine: Machine, images: Iterable[Image], log: StepLog) -> None:
    """Load into containerd what it doesn't have yet."""
    wait_until(lambda: bool(machine.run(["ctr", "version"], timeout=10).stdout), 60, "containerd")
    present = set(machine.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).stdout.split())
    for image in images:
        if image.reference not in present:
            log.note(image.name)
            archive = f"{IMAGES}/{image.archive.name}"
            machine.run_logged(["ctr", "--namespace=k8s.io", "images", "import", archive], log.path)


def install_dns(kubectl: Kubectl, network: Network, image: Image) -> None:
    kubectl.apply(cluster_dns.manifests(network.plan, image.reference))


def wait_for_node(kubectl: Kubectl, seconds: float = 90) -> None:
    """Until it is ready, and open for pods."""
    jsonpath = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    wait_until(lambda: kubectl("get", "node", certificates.NODE, jsonpath) == "True", seconds, "the node")
    # a killed run of the conformance suite leaves it closed
    kubectl("uncordon", certificates.NODE)


def wait_for_dns(kubectl: Kubectl, seconds: float = 90) -> None:
    words = ("-n", "kube-system", "get", "deployment", "coredns", "-o=jsonpath={.status.readyReplicas}")
    wait_until(lambda: kubectl(*words) == "1", seconds, "the cluster's DNS")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again; a failing command counts as "not yet". Raises NotReady."""
    limit = time.monotonic() + seconds
    last = ""
    while True:
        try:
            if condition():
                return
        except (CommandFailed, TimeoutError) as problem:
            last = f": {problem}"
        if time.monotonic() > limit:
            raise NotReady(f"{what} is not ready after {seconds:.0f} s{last}")
        pause(0.3)
