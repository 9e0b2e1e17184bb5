"""What every provider can do. A provider is remembered by `up`, so that the other commands need no option."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devcluster.commands import run
from devcluster.kubernetes.cluster import Kubectl
from devcluster.platform import Platform
from devcluster.preflight import Condition
from devcluster.release_values import NAMESPACE
from devcluster.steps import Step


@dataclass(frozen=True)
class Part:
    """One line of `status`: a thing that should be, and whether it is."""

    name: str
    well: bool
    detail: str


@dataclass(frozen=True)
class Provider(ABC):
    platform: Platform

    @property
    @abstractmethod
    def name(self) -> str:
        """As on the command line."""

    @abstractmethod
    def conditions(self) -> Sequence[Condition]:
        """What this machine must offer; missing programs that can be installed have been."""

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Everything from nothing to a running platform."""

    @abstractmethod
    def down(self) -> list[str]:
        """Take away everything but the cache; what couldn't be removed is returned in words."""

    @abstractmethod
    def parts(self) -> Sequence[Part]:
        """How the platform is."""

    @abstractmethod
    def shell(self, place: str) -> list[str]:
        """The command line of a shell at ``place``. Raises ValueError for a place that this provider doesn't have."""


def cluster_parts(kubectl: Kubectl) -> list[Part]:
    """Nodes and the release's deployments as Kubernetes sees them; one line that says so if it doesn't answer."""

    def listed(*words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(kubectl("get", *words, "-o=json", "--request-timeout=5s"))["items"]
        return found

    try:
        nodes, deployments = listed("nodes"), listed("deployments", f"--namespace={NAMESPACE}")
    except Exception as problem:  # noqa: BLE001 - status reports, whatever it is
        return [Part("Kubernetes", False, str(problem).splitlines()[-1])]
    return [*map(node_part, nodes), *map(deployment_part, deployments)]


def deployment_part(deployment: dict[str, Any]) -> Part:
    wanted, ready = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
    return Part(f"pods of {deployment['metadata']['name']}", ready >= wanted, f"{ready} of {wanted} ready")


def node_part(node: dict[str, Any]) -> Part:
    """A node is well if Ready, a virtual one if its site answers too."""
    said = {each["type"]: each for each in node.get("status", {}).get("conditions", [])}
    looked_at = [said[kind] for kind in ("Ready", "InterlinkConnectivity") if kind in said]
    well = bool(looked_at) and all(each["status"] == "True" for each in looked_at)
    words = [f"{each['type']}={each['status']}" for each in looked_at]
    words += [each["message"] for each in looked_at if each["status"] != "True" and each.get("message")]
    return Part(f"node {node['metadata']['name']}", well, ", ".join(words) or "says nothing yet")


def remove_state(platform: Platform) -> None:
    """What `down` deletes of the checkout's state: all but the logs. Never into something that is still mounted there."""
    state, logs = platform.checkout.state, platform.checkout.logs
    doomed = [entry for entry in state.iterdir() if entry != logs] if state.is_dir() else []
    if doomed:
        # containerd's unpacked images are a hundred thousand files: rm is several times as fast as shutil.
        run(["rm", "-rf", "--one-file-system", "--", *doomed])
