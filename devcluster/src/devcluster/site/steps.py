"""The site and its identity provider as steps of `up`.

``steps`` needs the steps named "rootfs" (the machines' tree) and "network" before it, and "images" for the edge. Each step
looks first: a second run repairs what is missing and leaves running jobs alone.
"""

from collections.abc import Mapping

from devcluster.iam import installation, registry, service
from devcluster.images import cvmfs
from devcluster.machine import Machine
from devcluster.platform import Platform
from devcluster.site import edge, layout, pool
from devcluster.site import machine as site
from devcluster.steps import Step, StepLog

ROOTFS = "rootfs"
NETWORK = "network"
IMAGES = "images"
READY = "site-pool"
EDGE_READY = "edge"


def steps(platform: Platform, slots: layout.Slots | None = None) -> list[Step]:
    """Provider, pool, compute element, and the edge of every endpoint of the platform."""

    def provide_edge(_: StepLog) -> None:
        cvmfs.publish(
            site_machine(platform), [recipe.image for recipe in platform.recipes.values() if recipe.runs_at_sites]
        )
        start_edge(platform)

    return [
        *site_steps(platform, slots or layout.Slots()),
        Step(EDGE_READY, "edge", provide_edge, (READY, "iam", IMAGES)),
    ]


def start_edge(platform: Platform, lets: Mapping[str, object] | None = None) -> None:
    """Start or repair the edge; `lets`: further keys of the sidecars' configuration."""
    known = registry.ensure_secrets(service.secrets_file(platform.checkout))
    edge.start(site_machine(platform), platform.network, platform.image("services"), known, lets)


def site_steps(platform: Platform, slots: layout.Slots) -> list[Step]:
    """The provider, the pool and the compute element, without edge and images."""

    def install_iam(log: StepLog) -> None:
        installation.ensure(platform.cache, log)

    def start_iam(_: StepLog) -> None:
        machine = service.iam_machine(platform.checkout, platform.network, platform.tree, platform.cache)
        service.start(machine, platform.network)

    def start_machine(_: StepLog) -> None:
        site.start(site_machine(platform), platform.network)

    def start_pool(_: StepLog) -> None:
        pool.start(site_machine(platform), platform.network, slots)

    return [
        Step("iam-program", "identity provider's packages", install_iam),
        Step("iam", "identity provider", start_iam, ("iam-program", ROOTFS, NETWORK)),
        Step("site", "site's machine", start_machine, (ROOTFS, NETWORK)),
        Step(READY, "HTCondor pool and compute element", start_pool, ("site",)),
    ]


def site_machine(platform: Platform) -> Machine:
    return site.site_machine(platform.checkout, platform.network, platform.tree, platform.cache)
