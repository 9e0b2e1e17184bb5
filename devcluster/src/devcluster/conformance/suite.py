"""The command line of a run: which tests of the suite, how many at once, and against what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.conformance import programs
from devcluster.conformance.report import title

LABELS = "NodeConformance && !Slow && !Serial && !Disruptive"
PROCESSES = 10
"""Tests at once: nearly all of their time is waiting for pods."""
REPORT = "junit.xml"
TESTS = "tests.txt"
RUN_LIMIT = "3h"

# what keeps pods away from nodes that are not judged; without this the suite waits for those nodes
_OTHER_NODES = "node.kubernetes.io/unschedulable,virtual-node.interlink/no-schedule"
_SPECIAL = re.compile(r"([][\\.+*?()|^${}])")


@dataclass(frozen=True)
class Selection:
    """Which tests to run; without ``names`` all that bear the labels."""

    names: Sequence[str] = ()
    focus: str = ""

    def __str__(self) -> str:
        if self.focus:
            return f"tests that match {self.focus}"
        return f"{len(self.names)} chosen tests" if self.names else "all tests"

    @property
    def expression(self) -> str:
        """For ginkgo: Go's regular expressions, which know fewer escapes than Python's."""
        return self.focus or "|".join(_SPECIAL.sub(r"\\\1", name) for name in self.names)


def titles_of(selection: Selection, folder: Path) -> set[str] | None:
    """What a run of it must have run; None where only ginkgo knows."""
    if selection.focus:
        return None
    return {title(name) for name in selection.names} or set(tests(folder))


class UnknownTest(Exception):
    """A chosen title is none of the suite's; the message says which."""


def listing(folder: Path, place: Path) -> list[str]:
    """The command that reports every test with the labels and runs none."""
    options = ("--ginkgo.dry-run", f"--ginkgo.label-filter={LABELS}", f"--ginkgo.junit-report={place}")
    return [str(folder / programs.SUITE), "--provider=skeleton", *options]


def tests(folder: Path) -> dict[str, str]:
    """Title to name of every test that bears the labels, in this version of the suite."""
    names = (folder / TESTS).read_text().splitlines()
    return {title(name): name for name in names}


def titles_chosen(folder: Path) -> list[str]:
    """The tests that `make test` runs."""
    lines = (folder / "selection.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def chosen(folder: Path) -> Selection:
    """The same for a run. Raises UnknownTest."""
    titles, known = titles_chosen(folder), tests(folder)
    unknown = [each for each in titles if each not in known]
    if unknown:
        raise UnknownTest(f"the suite has no test called: {', '.join(unknown)}")
    return Selection(names=[known[each] for each in titles])


def argv(folder: Path, kubeconfig: Path, out: Path, selection: Selection, processes: int) -> list[str]:
    """Ginkgo's command line; ``folder`` has the programs, ``out`` gets the report."""
    focus = [f"--focus={selection.expression}"] if selection.expression else []
    return [
        str(folder / programs.RUNNER),
        *(f"--procs={processes}", f"--label-filter={LABELS}", *focus, "--keep-going", "--no-color"),
        *(f"--timeout={RUN_LIMIT}", f"--output-dir={out}", f"--junit-report={REPORT}"),
        *(str(folder / programs.SUITE), "--"),
        *(f"--kubeconfig={kubeconfig}", "--provider=skeleton", "--node-os-distro=debian"),
        *("--allowed-not-ready-nodes=5", f"--non-blocking-taints={_OTHER_NODES}"),
        # of the nodes, which the suite reads from a kubelet's metrics; what a pod says is in the report
        *("--disable-log-dump", "--dump-logs-on-failure=false"),
    ]
