"""Kubernetes in Docker. Only the cluster is kind's: images are built with Docker and loaded, charts installed as anywhere.

The HTCondor site stays outside: a release of charts/virtual-node needs a site that pods in Docker can reach, given as values.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from devcluster.commands import run
from devcluster.host_facts import docker_answers
from devcluster.images import docker
from devcluster.kubernetes import tools
from devcluster.paths import Checkout
from devcluster.preflight import Condition
from devcluster.providers.provider import Part, Provider, cluster_parts, remove_state
from devcluster.steps import Step, StepLog

CONFIGURATION = Path("devcluster/kind/cluster.yaml")
WAIT = "120s"


def cluster_name(checkout: Checkout) -> str:
    return f"highrate-{checkout.id}"


def create_command(checkout: Checkout) -> list[str]:
    return [
        "kind", "create", "cluster", f"--name={cluster_name(checkout)}", f"--config={checkout.root / CONFIGURATION}",
        f"--kubeconfig={checkout.kubeconfig}", f"--wait={WAIT}",
    ]  # fmt: skip


def load_command(checkout: Checkout, archive: Path) -> list[str]:
    return ["kind", "load", "image-archive", f"--name={cluster_name(checkout)}", str(archive)]


def delete_command(checkout: Checkout) -> list[str]:
    name = cluster_name(checkout)
    return ["kind", "delete", "cluster", f"--name={name}", f"--kubeconfig={checkout.kubeconfig}"]


def export_command(checkout: Checkout) -> list[str]:
    name = cluster_name(checkout)
    return ["kind", "export", "kubeconfig", f"--name={name}", f"--kubeconfig={checkout.kubeconfig}"]


class Kind(Provider):
    @property
    def name(self) -> str:
        return "kind"

    def conditions(self) -> Sequence[Condition]:
        docker_remedy = "start Docker, or choose `--provider embedded`, which needs none"
        kind_remedy = "install kind (https://kind.sigs.k8s.io), or choose `--provider embedded`"
        has_docker, has_kind = docker_answers(), bool(shutil.which("kind"))
        return [
            Condition(
                "Docker", "ok" if has_docker else "missing", "answers" if has_docker else "no answer", docker_remedy
            ),
            Condition("kind", "ok" if has_kind else "missing", "found" if has_kind else "not on PATH", kind_remedy),
        ]

    def steps(self) -> Sequence[Step]:
        platform, checkout = self.platform, self.platform.checkout

        def create(log: StepLog) -> None:
            if cluster_name(checkout) in run(["kind", "get", "clusters"]).stdout.split():
                log.run(export_command(checkout))
            else:
                log.run(create_command(checkout))

        def load(log: StepLog) -> None:
            for recipe in platform.recipes.values():
                log.note(recipe.image.name)
                log.run(load_command(checkout, recipe.image.archive))

        return [
            Step("tools", "kubectl and helm", lambda log: _ignore(tools.ensure(platform.cache, log))),
            Step("kind", "kind cluster", create),
            Step("images", "images", lambda log: docker.ensure(list(platform.recipes.values()), checkout, log)),
            Step("load", "images into kind's node", load, ("kind", "images")),
        ]

    def down(self) -> list[str]:
        done = run(delete_command(self.platform.checkout), check=False)
        remove_state(self.platform)
        return [done.stderr.strip()] if done.returncode else []

    def parts(self) -> Sequence[Part]:
        return cluster_parts(self.platform.kubectl)

    def shell(self, place: str) -> list[str]:
        if place != "node":
            raise ValueError(f"kind has no place called {place}: only node")
        return ["docker", "exec", "-it", f"{cluster_name(self.platform.checkout)}-control-plane", "bash"]


def _ignore(_: object) -> None:
    """A step's result that nobody needs."""
