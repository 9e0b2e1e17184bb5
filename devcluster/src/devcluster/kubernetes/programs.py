"""The programs that make up Kubernetes here, and which versions: what devcluster/go pins."""

import re
from pathlib import Path

from devcluster.golang import GoProgram
from devcluster.kubernetes import usage, volumes
from devcluster.paths import Checkout

NAMES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")


def kubernetes(checkout: Checkout) -> GoProgram:
    folder = checkout.root / "devcluster" / "go" / "kubernetes"
    packages = tuple(f"k8s.io/kubernetes/cmd/{name}" for name in NAMES)
    return GoProgram("kubernetes", folder, packages, NAMES, version_stamp(pinned_version(folder, "k8s.io/kubernetes")))


def coredns(checkout: Checkout) -> GoProgram:
    return GoProgram("coredns", checkout.root / "devcluster" / "go" / "coredns", (".",), ("highrate-coredns",))


def provisioner(checkout: Checkout) -> GoProgram:
    folder = checkout.root / "devcluster" / "go" / volumes.PROGRAM
    package = "github.com/rancher/local-path-provisioner"
    return GoProgram(volumes.PROGRAM, folder, (package,), (volumes.PROGRAM,))


def metrics_server(checkout: Checkout) -> GoProgram:
    folder = checkout.root / "devcluster" / "go" / usage.PROGRAM
    return GoProgram(usage.PROGRAM, folder, (f"sigs.k8s.io/{usage.PROGRAM}/cmd/{usage.PROGRAM}",), (usage.PROGRAM,))


def pause(checkout: Checkout) -> GoProgram:
    return GoProgram("pause", checkout.root / "devcluster" / "go" / "pause", (".",), ("highrate-pause",))


def version_stamp(version: str) -> str:
    """Linker flags for programs of Kubernetes, which otherwise say that they are of no version."""
    major, minor = version.removeprefix("v").split(".")[:2]
    stamp = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamp.items())


def pinned_version(folder: Path, module: str) -> str:
    """The version that go.mod requires of ``module``, with its leading v."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise LookupError(f"{folder / 'go.mod'} doesn't require {module}")
    return found[1]
