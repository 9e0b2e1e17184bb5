"""docs/conformance.md, written from what runs found: pure data in, text out.

Nothing in the page is by hand but the reasons, which are kept beside the suite's images.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from devcluster.conformance.arena import MACHINES, SCRATCH
from devcluster.conformance.reasons import Reason, explanation
from devcluster.conformance.report import Outcome, Run

INTRODUCTION = """\
# Kubernetes' own tests on a virtual node

Written by `make conformance`; change `devcluster/conformance/reasons.yaml` or the code, not this page.

The tests are those of Kubernetes' conformance suite that say what a node does for a pod (label NodeConformance, without Slow,
Serial and Disruptive). Each pod of theirs is a job of the development cluster's HTCondor pool, handed over and reported back
the way that every pod goes ([architecture](architecture.md)). The same tests with the same images on the ordinary node of the
same cluster are the measure of what this set-up lets a node do.
"""
SETTING = """\
## How the cluster is set for a run

- The suite's pods tolerate no taint and select no node. The virtual node is without its own taint (`node.noScheduleTaint`),
  bears the label of Linux nodes (`node.labels`) and serves every namespace (`allNamespaces`) for as long as the run lasts; the
  ordinary node is cordoned.
- The images are made here and laid out as upstream's are (`devcluster/conformance/images`); no registry is asked. At the site
  they are unpacked, as on CVMFS. The test that must be able to pull its image fails on the ordinary node for that reason.
- Jobs run as one unprivileged account, in Apptainer.
- The site lets pods have more than usual: it tells Kubernetes the worker machine's address as the pod's
  (`policy.tell_pod_address`), and offers (`hostpath`) `/etc/hosts` of worker machines, writable since a test asks for it to be made
  where it is missing, though the file is root's and no job can change it; and as `/tmp` a folder of theirs that is everybody's
  (`{scratch}`), since HTCondor gives each job a `/tmp` of its own. Pods are told of Services by variables
  (`node.serviceLinks`), though they reach none of them.
- A job has no network of its own, it shares that of its machine. So two pods that listen on one port can't run on one machine at
  the same time, at no site. For a run the pool is one of {machines} worker machines, each with an address of its own and one job at
  a time; they reach each other. On them unprivileged programs may listen on every port (`net.ipv4.ip_unprivileged_port_start = 0`),
  which at a site is for its administrators to say. Usually the development pool is one machine with many jobs.
"""
_REFUSED = """\
## Passed with a pod that was refused

A test that waits for nothing to happen is content with a pod that does not run. These say little of what they are about.
"""
_SENTENCE = re.compile(
    r"(?: Granular| blackbox| volume on| binary| optional| updates| that| with| [wW]hen| will| should)\b"
)
_REACHABLE = "An unprivileged job at a site could pass these; what does it is not built."
_BEYOND = "No unprivileged job at a site can pass these."


def write(virtual: Run, ordinary: Run | None, reasons: Sequence[Reason]) -> str:
    """The whole page. An ordinary node's run of other tests or other images is no measure, and is left out with a word."""
    differing = _differing(virtual, ordinary) if ordinary else []
    parts = [INTRODUCTION, _counts(virtual, ordinary, differing)]
    ordinary = None if differing else ordinary
    parts.append(_areas(virtual, ordinary))
    parts += _failures(virtual, ordinary, reasons)
    parts += [
        _passed_without_a_pod(virtual),
        _only_there(virtual, ordinary),
        SETTING.format(machines=MACHINES.machines, scratch=SCRATCH),
        _versions(virtual, ordinary),
    ]
    return "\n".join(part for part in parts if part)


def unexplained(run: Run, reasons: Iterable[Reason]) -> list[Outcome]:
    """Failures that no row of the table is about, or that happened otherwise than the row says."""
    rows = list(reasons)
    return [outcome for outcome in run.failed() if explanation(outcome, rows) is None]


def _differing(virtual: Run, ordinary: Run) -> list[str]:
    """What makes tests of the two runs others: the suite, which is Kubernetes' own, and the images of its pods."""
    kubernetes = [run.versions["Kubernetes"] for run in (virtual, ordinary)]
    names = sorted({*virtual.images, *ordinary.images})
    images = [f"image {name}" for name in names if virtual.images.get(name) != ordinary.images.get(name)]
    return [f"Kubernetes {kubernetes[1]}", *images] if kubernetes[0] != kubernetes[1] else images


def _counts(virtual: Run, ordinary: Run | None, differing: Sequence[str]) -> str:
    rows = ["| node | tests | passed | failed | begun (UTC) | minutes |", "|---|---|---|---|---|---|"]
    for kind, run in (("virtual", virtual), ("ordinary", ordinary)):
        if run is None:
            rows.append(f"| {kind} | not run on this machine | | | | |")
            continue
        if run is ordinary and differing:
            rows.append(f"| {kind} | last run with another {', '.join(differing)}: no measure of this | | | | |")
            continue
        bad = len(run.failed())
        total = len(run.outcomes)
        minutes = f"{run.seconds / 60:.0f}"
        rows.append(f"| {kind} (`{run.node}`) | {total} | **{total - bad}** | {bad} | {run.began} | {minutes} |")
    return "\n".join(rows) + "\n"


def _areas(virtual: Run, ordinary: Run | None) -> str:
    total = Counter(area(outcome.title) for outcome in virtual.outcomes)
    passed = _passed_by_area(virtual)
    there = _passed_by_area(ordinary) if ordinary else None
    rows = ["## By area\n", "| area | tests | virtual node | ordinary node |", "|---|---|---|---|"]
    for name in sorted(total):
        rows.append(f"| {name} | {total[name]} | {passed[name]} | {there[name] if there is not None else ''} |")
    return "\n".join(rows) + "\n"


def _passed_by_area(run: Run) -> Counter[str]:
    return Counter(area(outcome.title) for outcome in run.outcomes if outcome.passed)


def area(title: str) -> str:
    """The group of a title: what precedes the words that begin a sentence."""
    return _SENTENCE.split(title, maxsplit=1)[0]


def _failures(virtual: Run, ordinary: Run | None, reasons: Sequence[Reason]) -> Iterator[str]:
    there = ordinary.by_title() if ordinary else {}
    groups: dict[Reason, list[Outcome]] = {}
    for outcome in virtual.failed():
        reason = explanation(outcome, reasons)
        if reason is not None:
            groups.setdefault(reason, []).append(outcome)
    for heading, words, within in (("Within reach", _REACHABLE, True), ("Out of reach", _BEYOND, False)):
        rows = [(reason, found) for reason, found in groups.items() if reason.within_reach is within]
        if rows:
            yield f"## Failed: {heading.lower()}\n\n{words}\n"
            yield from (_group(reason.why, found, there) for reason, found in rows)
    open_ones = unexplained(virtual, reasons)
    if open_ones:
        yield "## Failed: not explained\n"
        yield _first_lines(open_ones, there)


def _group(why: str, found: Iterable[Outcome], there: Mapping[str, Outcome]) -> str:
    lines = [f"**{why}**\n"]
    lines += [f"- {outcome.title}{_on_the_other(outcome, there)}" for outcome in found]
    return "\n".join(lines) + "\n"


def _first_lines(found: Iterable[Outcome], there: Mapping[str, Outcome]) -> str:
    rows = ["| test | what the suite says |", "|---|---|"]
    for outcome in found:
        said = [_cell(text) for text in (outcome.failure, outcome.refused) if text]
        rows.append(f"| {outcome.title}{_on_the_other(outcome, there)} | {'; pod refused: '.join(said)} |")
    return "\n".join(rows) + "\n"


def _on_the_other(outcome: Outcome, there: Mapping[str, Outcome]) -> str:
    other = there.get(outcome.title)
    return " (fails on the ordinary node too)" if other is not None and not other.passed else ""


def _passed_without_a_pod(virtual: Run) -> str:
    found = [outcome for outcome in virtual.outcomes if outcome.passed and outcome.refused]
    if not found:
        return ""
    rows = [f"| {outcome.title} | {_cell(outcome.refused)} |" for outcome in found]
    return "\n".join([_REFUSED, "| test | why the pod was refused |", "|---|---|", *rows]) + "\n"


def _only_there(virtual: Run, ordinary: Run | None) -> str:
    """What the measure itself can't do."""
    here = virtual.by_title()
    found = [] if ordinary is None else [each for each in ordinary.failed() if each.title in here]
    better = [each for each in found if here[each.title].passed]
    if not better:
        return ""
    return "## Failed on the ordinary node alone\n\n" + _first_lines(better, {})


def _versions(virtual: Run, ordinary: Run | None) -> str:
    runs = [("virtual", virtual), *([("ordinary", ordinary)] if ordinary else [])]
    lines = ["## What ran\n", f"| node | commit | {' | '.join(virtual.versions)} |"]
    lines.append(f"|---|---|{'---|' * len(virtual.versions)}")
    for kind, run in runs:
        versions = " | ".join(run.versions.get(name, "") for name in virtual.versions)
        lines.append(f"| {kind} | {run.code} | {versions} |")
    images = ", ".join(f"{name} {key}" for name, key in virtual.images.items())
    lines += ["", f"Images of the suite's pods, by what they are made of: {images}.\n"]
    lines += ["```", *(run.command for _, run in runs), "```"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text of a program as a cell: nothing in it is markup."""
    clean = text.replace("`", "'").replace("|", "\\|")
    return f"`{clean}`"
