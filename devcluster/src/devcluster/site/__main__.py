"""``python -m devcluster.site up|down|status``: provider, pool and compute element alone, without Kubernetes.

For tests of the sidecar against a real pool, and for whoever works on the site. The platform's own `up` makes use of what
runs already, and its `down` takes this away as well.
"""

import sys

import typer
from rich.console import Console

from devcluster import rootfs
from devcluster.command_line import changing
from devcluster.iam import service
from devcluster.network import network_down, network_up
from devcluster.paths import find_checkout
from devcluster.platform import Platform
from devcluster.site import layout, pool, steps
from devcluster.site.access import SiteNotUp, running_site
from devcluster.steps import Step, StepLog, run_steps

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The HTCondor site and its identity provider alone.")
console = Console()


@app.command()
def up(cpus: int = layout.Slots().cpus, memory_mib: int = layout.Slots().memory_mib) -> None:
    """Start or repair provider, pool and compute element."""
    checkout = find_checkout()
    with changing(checkout, console):
        _up(Platform(checkout), layout.Slots(cpus, memory_mib))


def _up(platform: Platform, slots: layout.Slots) -> None:
    def tree(log: StepLog) -> None:
        rootfs.ensure(rootfs.MACHINE, platform.cache, log.path)

    def network(_: StepLog) -> None:
        network_up(platform.network)

    (platform.cache / "images").mkdir(parents=True, exist_ok=True)
    ground = [Step(steps.ROOTFS, "root file system", tree), Step(steps.NETWORK, "network namespaces", network)]
    run_steps([*ground, *steps.site_steps(platform, slots)], platform.checkout.logs, console)


@app.command()
def down() -> None:
    """Stop both machines and forget them; the network goes too unless Kubernetes' machine uses it."""
    checkout = find_checkout()
    with changing(checkout, console):
        _down(Platform(checkout))


def _down(platform: Platform) -> None:
    for machine in (
        steps.site_machine(platform),
        service.iam_machine(platform.checkout, platform.network, platform.tree, platform.cache),
    ):
        machine.stop()
        machine.erase()
    if not any(platform.checkout.machines.glob("*")):
        network_down(platform.network)


@app.command()
def status() -> None:
    """Say what runs."""
    try:
        site = running_site()
    except SiteNotUp as problem:
        sys.exit(str(problem))
    for name, is_ce in (("pool", False), ("compute element", True)):
        well, words = pool.ready(site.machine, ce=is_ce)
        print(f"{name:16} {'ok' if well else 'not ok':7} {words}")


if __name__ == "__main__":
    app()
