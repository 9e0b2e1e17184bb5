"""What the steps of one run share: the checkout, its network, its authority, its machines and images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devcluster import rootfs
from devcluster.golang import GoProgram
from devcluster.images.recipe import Recipe, recipes
from devcluster.images.reference import Image
from devcluster.kubernetes import cluster, programs, tools
from devcluster.kubernetes.cluster import Kubectl
from devcluster.machine import Machine
from devcluster.network import Network, plan_network
from devcluster.paths import Checkout, cache_root
from devcluster.pki import Authority


@dataclass(frozen=True)
class Platform:
    """One checkout's platform. Making it changes nothing but a note of the chosen addresses."""

    checkout: Checkout

    @cached_property
    def cache(self) -> Path:
        return cache_root()

    @cached_property
    def network(self) -> Network:
        return plan_network(self.checkout)

    @cached_property
    def authority(self) -> Authority:
        return Authority(self.checkout.pki)

    @property
    def tree(self) -> Path:
        """The root file system under all machines; its step has built it."""
        return rootfs.MACHINE.path(self.cache)

    @cached_property
    def go_programs(self) -> dict[str, GoProgram]:
        made = (programs.kubernetes, programs.coredns, programs.pause, programs.provisioner, programs.metrics_server)
        return {program.name: program for program in (make(self.checkout) for make in made)}

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """The images of this checkout, by name; their tags are those of the sources as they were at first use."""
        return recipes(self.checkout, self.cache)

    def image(self, name: str) -> Image:
        return self.recipes[name].image

    @cached_property
    def node(self) -> Machine:
        """The machine of Kubernetes (and of the identity provider)."""
        kubernetes = self.go_programs["kubernetes"].path(self.cache)
        return cluster.node_machine(self.checkout, self.network, self.tree, kubernetes, self.cache)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self._tool("kubectl"), self.checkout.kubeconfig)

    @property
    def helm(self) -> Path:
        return self._tool("helm")

    def _tool(self, name: str) -> Path:
        found = tools.find(name, self.cache)
        if found is None:
            raise FileNotFoundError(f"{name} is neither on PATH nor in the cache yet: `devcluster up` fetches it")
        return found
