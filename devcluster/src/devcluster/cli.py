"""The command line: `python -m devcluster up|down|status|logs|kubeconfig|shell|demo|images`."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devcluster import way_in
from devcluster.command_line import changing, fail
from devcluster.commands import CommandFailed
from devcluster.demo import run_demo
from devcluster.kubernetes import tools
from devcluster.paths import Checkout, find_checkout
from devcluster.platform import Platform
from devcluster.preflight import Condition, stops
from devcluster.providers.embedded import Embedded
from devcluster.providers.existing import Existing
from devcluster.providers.kind import Kind
from devcluster.providers.provider import Part, Provider
from devcluster.steps import run_steps

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The platform on one machine, with real parts.")
console = Console()


class ProviderName(StrEnum):
    EMBEDDED = "embedded"
    KIND = "kind"
    EXISTING = "existing"


class Endpoint(StrEnum):
    SCHEDD = "schedd"
    CE = "ce"


_PROVIDERS: dict[ProviderName, type[Provider]] = {
    ProviderName.EMBEDDED: Embedded,
    ProviderName.KIND: Kind,
    ProviderName.EXISTING: Existing,
}
_MARKS = {"ok": "[green]ok[/]", "doubtful": "[yellow]doubtful[/]", "missing": "[red]missing[/]"}

ProviderOption = Annotated[
    ProviderName | None, typer.Option(help="Where Kubernetes comes from; the last `up` is remembered.")
]


@app.command()
def up(provider: ProviderOption = None) -> None:
    """Bring the platform up, or repair it. What is there already is kept."""
    checkout = find_checkout()
    with changing(checkout, console):
        bring_up(_provider(checkout, provider))


@app.command()
def demo(
    provider: ProviderOption = None,
    endpoint: Annotated[Endpoint, typer.Option(help="The site's entrance to go through.")] = Endpoint.SCHEDD,
) -> None:
    """Bring the platform up, run a pod as an HTCondor job, and say where to log in."""
    checkout = find_checkout()
    with changing(checkout, console):
        chosen = _provider(checkout, provider)
        if not isinstance(chosen, Embedded):
            fail(
                console,
                f"provider {chosen.name} makes no HTCondor site, and the demonstration needs one; see docs/devcluster.md",
            )
        bring_up(chosen)
        code = run_demo(chosen.platform, str(endpoint), console)
        way_in.show(chosen.platform, console)
    raise typer.Exit(code)


@app.command()
def down() -> None:
    """Take everything away but the cache and the logs."""
    checkout = find_checkout()
    with changing(checkout, console):
        provider = _provider(checkout, None)
        begin = time.monotonic()
        left = provider.down()
    for line in left:
        console.print(f"[red]left:[/] {line}")
    console.print(f"down in {time.monotonic() - begin:.1f} s")
    if left:
        raise typer.Exit(1)


@app.command()
def images() -> None:
    """Build the images, without the platform, and say where their archives are."""
    checkout = find_checkout()
    provider = Embedded(Platform(checkout))
    with changing(checkout, console):
        _check(provider)
        run_steps(provider.image_steps(), checkout.logs / "images", console)
    for recipe in provider.platform.recipes.values():
        console.print(f"{recipe.image.archive}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def status(
    quiet: Annotated[bool, typer.Option(help="Say nothing; exit with 0 if all is well, else 1.")] = False,
) -> None:
    """Show the parts of the platform and how they are."""
    provider = _provider(find_checkout(), None)
    parts = provider.parts()
    if not quiet:
        console.print(_parts_table(parts))
        if provider.platform.checkout.kubeconfig.is_file():
            _show_use(provider.platform)
    if not all(part.well for part in parts):
        raise typer.Exit(1)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A log of the list, such as node/kubelet; nothing: the list.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 100,
) -> None:
    """Show the logs of steps (up/...) and of programs in machines."""
    folder = find_checkout().logs
    if not name:
        for place in sorted(folder.rglob("*.log")):
            console.print(str(place.relative_to(folder).with_suffix("")), highlight=False)
        return
    place = folder / f"{name}.log"
    if not place.is_file():
        fail(console, f"no log {name}; `python -m devcluster logs` lists them")
    argv = ["tail", f"--lines={lines}", *(["--follow=name", "--retry"] if follow else []), str(place)]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)


@app.command()
def kubeconfig() -> None:
    """Print the path of the kubeconfig: export KUBECONFIG=$(python -m devcluster kubeconfig)"""
    place = find_checkout().kubeconfig
    if not place.is_file():
        fail(console, "the platform is not up: there is no kubeconfig")
    sys.stdout.write(f"{place}\n")


@app.command()
def shell(place: Annotated[str, typer.Argument(help="The machine: node, site or iam.")] = "node") -> None:
    """Open a shell in one of the machines."""
    try:
        argv = _provider(find_checkout(), None).shell(place)
    except ValueError as problem:
        fail(console, str(problem))
    os.execvp(argv[0], argv)  # noqa: S606 - the terminal belongs to the shell from here on


def bring_up(provider: Provider) -> None:
    """What `up` does, for commands that need the platform. Ends the command if this machine lacks something."""
    checkout = provider.platform.checkout
    _check(provider)
    _remember(checkout, provider.name)
    begin = time.monotonic()
    run_steps(provider.steps(), checkout.logs / "up", console)
    console.print(f"up in {time.monotonic() - begin:.1f} s; to use it:")
    _show_use(provider.platform)


def _check(provider: Provider) -> None:
    conditions = provider.conditions()
    console.print(_conditions_table(conditions))
    if stops(conditions):
        fail(console, "this machine lacks something: see the list")


def _show_use(platform: Platform) -> None:
    for line in tools.shell_lines(platform.checkout.kubeconfig, platform.cache):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _provider(checkout: Checkout, name: ProviderName | None) -> Provider:
    memory = checkout.run / "provider"
    if name is None:
        name = ProviderName(memory.read_text().strip()) if memory.is_file() else ProviderName.EMBEDDED
    return _PROVIDERS[name](Platform(checkout))


def _remember(checkout: Checkout, name: str) -> None:
    checkout.run.mkdir(parents=True, exist_ok=True)
    (checkout.run / "provider").write_text(f"{name}\n")


def _conditions_table(conditions: Sequence[Condition]) -> Table:
    table = Table("condition", "", "seen", "what to do", box=None, pad_edge=False)
    for condition in conditions:
        remedy = "" if condition.verdict == "ok" else condition.remedy
        table.add_row(condition.name, _MARKS[condition.verdict], escape(condition.seen), remedy)
    return table


def _parts_table(parts: Sequence[Part]) -> Table:
    table = Table("part", "", "", box=None, pad_edge=False)
    for part in parts:
        table.add_row(part.name, "[green]ok[/]" if part.well else "[red]not well[/]", part.detail)
    return table


def main() -> None:
    try:
        app()
    except CommandFailed as problem:
        console.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
