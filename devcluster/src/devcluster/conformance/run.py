"""One run from end to end: what it needs is made, the tests run, and what they found is read."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from devcluster import golang
from devcluster.conformance import origin, pod_images, programs, refusals, report, suite
from devcluster.conformance.arena import ENDPOINT, Judged, arena
from devcluster.conformance.report import Outcome, Run
from devcluster.conformance.suite import Selection
from devcluster.kubernetes.programs import pinned_version
from devcluster.leash import mark
from devcluster.paths import Checkout
from devcluster.platform import Platform
from devcluster.site import steps as site
from devcluster.steps import StepLog


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for; a run of all tests (no selection) is the only one that is kept."""

    judged: Judged
    selection: Selection
    processes: int = suite.PROCESSES


def folder(checkout: Checkout) -> Path:
    """Where the images' recipes, the reasons and the lists of tests are."""
    return checkout.root / "devcluster" / "conformance"


def kept_at(cache: Path, judged: Judged) -> Path:
    return cache / "conformance" / f"{judged}.json"


def build(platform: Platform, log: StepLog) -> Path:
    """The folder of the suite's programs: minutes of two processors, unless the cache has it. Raises CommandFailed."""
    golang.ensure(platform.go_programs["pause"], platform.checkout, platform.cache, log)
    return golang.ensure(programs.suite(platform.checkout), platform.checkout, platform.cache, log)


def list_tests(platform: Platform, log: StepLog) -> None:
    """Write the names of all tests anew, for a suite of another version. Raises CommandFailed, NoReport."""
    place = log.path.with_suffix(".xml")
    log.run(suite.listing(build(platform, log), place))
    found = report.names(place)
    (folder(platform.checkout) / suite.TESTS).write_text("".join(f"{name}\n" for name in found))


def run(platform: Platform, wanted: Wanted, log: StepLog, found: Callable[[Run], None]) -> None:
    """Run the tests on the platform, which is up.

    ``found`` gets what they found before the platform is brought back, which may fail. Raises CommandFailed, NotReady, NoReport,
    NotUndone.
    """
    built = build(platform, log)
    images = pod_images.provide(platform, built, site.site_machine(platform), log)
    out = platform.checkout.logs / "conformance" / wanted.judged
    out.mkdir(parents=True, exist_ok=True)
    (out / suite.REPORT).unlink(missing_ok=True)
    code = origin.look(platform.checkout)
    argv = suite.argv(built, platform.checkout.kubeconfig, out, wanted.selection, wanted.processes)
    with arena(platform, wanted.judged, log):
        log.note("tests")
        began, start = datetime.now(UTC), time.monotonic()
        _tests(argv, out, platform)
        seconds = round(time.monotonic() - start, 1)
        outcomes = _outcomes(platform, wanted, out)
        command, versions = _command(wanted), _versions(platform)
        moment = f"{began:%Y-%m-%d %H:%M}"
        found(Run(wanted.judged.node, moment, seconds, command, code, versions, images, outcomes))


def _outcomes(platform: Platform, wanted: Wanted, out: Path) -> list[Outcome]:
    """What was found, if it is of all that was asked for."""
    refused = refusals.of_site(platform.kubectl, ENDPOINT.mode) if wanted.judged is Judged.VIRTUAL else {}
    outcomes = report.read(out / suite.REPORT, refused)
    report.demand(outcomes, suite.titles_of(wanted.selection, folder(platform.checkout)))
    return outcomes


def _tests(argv: list[str], out: Path, platform: Platform) -> None:
    """Its exit code says only that something failed, as the report does; without a report there is nothing to read."""
    environment = {"PATH": f"{platform.kubectl.program.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": "/root", **mark()}
    with (out / "suite.log").open("wb") as sink:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=out, env=environment, check=False)


def _command(wanted: Wanted) -> str:
    node = "" if wanted.judged is Judged.VIRTUAL else f" NODE={wanted.judged}"
    return f"make conformance{node}  # ginkgo --procs={wanted.processes} --label-filter='{suite.LABELS}'"


def _versions(platform: Platform) -> dict[str, str]:
    machine = site.site_machine(platform)
    condor = machine.run(["condor_version"]).stdout.split()
    return {
        "Kubernetes": pinned_version(platform.checkout.root / "devcluster/go/kubernetes", "k8s.io/kubernetes"),
        "containerd": platform.node.run(["containerd", "--version"]).stdout.split()[2],
        "HTCondor": condor[condor.index("$CondorVersion:") + 1],
        "Apptainer": machine.run(["apptainer", "--version"]).stdout.split()[-1],
        "services' image": platform.image("services").tag,
    }
