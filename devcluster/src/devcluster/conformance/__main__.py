"""``python -m devcluster.conformance build|run|write|titles``: Kubernetes' own tests, on the virtual or the ordinary node."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from devcluster.cli import bring_up
from devcluster.command_line import changing, fail
from devcluster.conformance import document, reasons, report, suite
from devcluster.conformance.arena import Judged
from devcluster.conformance.report import Run
from devcluster.conformance.run import Wanted, build, folder, kept_at, list_tests, run
from devcluster.conformance.suite import Selection
from devcluster.paths import Checkout, find_checkout
from devcluster.platform import Platform
from devcluster.providers.embedded import Embedded
from devcluster.steps import Step, StepLog, run_steps

DOCUMENT = Path("docs/conformance.md")

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Kubernetes' own tests of what a node does for a pod."
)
console = Console()


@app.command("build")
def build_suite() -> None:
    """Compile the suite into the cache (minutes), unless it is there."""
    checkout = find_checkout()
    with changing(checkout, console):
        step = Step("conformance-build", "the suite from its Go modules", lambda log: _build(checkout, log))
        run_steps([step], checkout.logs / "up", console)


@app.command("run")
def run_suite(
    node: Annotated[Judged, typer.Option(help="Whose pods are judged.")] = Judged.VIRTUAL,
    selected: Annotated[bool, typer.Option("--selected", help="Only the tests of selection.txt.")] = False,
    focus: Annotated[str, typer.Option(help="Only tests whose names match this regular expression (of Go).")] = "",
    processes: Annotated[int, typer.Option(min=1, help="Tests at once.")] = suite.PROCESSES,
    out: Annotated[Path | None, typer.Option(help="Write what was found here, as JSON.")] = None,
) -> None:
    """Run the tests. A run of all of them is kept, and writes docs/conformance.md."""
    checkout = find_checkout()
    selection = suite.chosen(folder(checkout)) if selected else Selection(focus=focus)
    wanted = Wanted(node, selection, processes)
    places = [out] if out is not None else []
    if selection == Selection():
        places.append(kept_at(Platform(checkout).cache, node))
    with changing(checkout, console):
        found = _run(checkout, wanted, places)
    if selection == Selection():
        _write(checkout)
    _show(checkout, found)


@app.command("write")
def write_document() -> None:
    """Write docs/conformance.md anew from the runs that are kept, with the reasons as they are now."""
    _write(find_checkout())


@app.command("titles")
def list_titles() -> None:
    """Write devcluster/conformance/tests.txt anew, after the suite moved to another version."""
    checkout = find_checkout()
    with changing(checkout, console):
        step = Step("conformance-titles", "names of the suite's tests", lambda log: list_tests(Platform(checkout), log))
        run_steps([step], checkout.logs / "up", console)


def _build(checkout: Checkout, log: StepLog) -> None:
    build(Platform(checkout), log)


def _run(checkout: Checkout, wanted: Wanted, places: Sequence[Path]) -> Run:
    """What was found is kept at ``places`` at once."""
    platform = Platform(checkout)
    provider = Embedded(platform)
    found: list[Run] = []

    def keep(one: Run) -> None:
        found.append(one)
        for place in places:
            report.keep(one, place)

    bring_up(provider)
    title = f"the suite on the {wanted.judged} node: {wanted.selection}"
    step = Step("conformance", title, lambda log: run(platform, wanted, log, keep))
    run_steps([step], checkout.logs / "up", console)
    return found[0]


def _write(checkout: Checkout) -> None:
    cache = Platform(checkout).cache
    virtual, ordinary = (report.kept(kept_at(cache, judged)) for judged in (Judged.VIRTUAL, Judged.ORDINARY))
    if virtual is None:
        console.print("no run against the virtual node is kept: nothing is written; `make conformance` makes one")
        return
    table = reasons.load(folder(checkout) / "reasons.yaml")
    (checkout.root / DOCUMENT).write_text(document.write(virtual, ordinary, table))
    console.print(f"written: {DOCUMENT}")


def _show(checkout: Checkout, found: Run) -> None:
    """End with 1 if a test failed for no reason that is known; on the ordinary node nobody has to explain any."""
    failed = found.failed()
    for outcome in failed:
        console.print(f"{outcome.title}: {outcome.failure}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(found.outcomes) - len(failed)} of {len(found.outcomes)} passed on {found.node}")
    table = reasons.load(folder(checkout) / "reasons.yaml")
    surprises = document.unexplained(found, table) if found.node == Judged.VIRTUAL.node else []
    if surprises:
        fail(console, f"{len(surprises)} failed for no reason that devcluster/conformance/reasons.yaml gives")


if __name__ == "__main__":
    app()
