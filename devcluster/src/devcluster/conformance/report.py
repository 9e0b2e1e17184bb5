"""What a run of the suite found: its report (JUnit, as ginkgo writes it) read into plain values, and kept between runs.

A test is known by its title: the suite's text without the tags in brackets, which are the same for all that is run here.
"""

import json
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, parse

from devcluster.conformance.shown_pods import pods_words

_LEAF = "[It] "  # what precedes the name of a test; set-up of the whole suite has other words there
_SET_UP = re.compile(r"\[(?:Synchronized|Report)?BeforeSuite\]")
_LABELS = re.compile(r" \[[^\]]*\]$")  # all of them once more, at the end
_TAG = re.compile(r"\[[^\]]*\]")
_NAMESPACE = re.compile(r'Destroying namespace "([^"]+)"')
# pods' names and addresses in memory say nothing, and differ in every run
_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]+")
_LENGTH = 300
_MISSING_NAMED = 3


@dataclass(frozen=True)
class Outcome:
    """How one test went; ``failure`` is a sentence, empty for one that passed.

    ``refused`` says why pods of it were refused, if any were.
    """

    title: str
    seconds: float
    failure: str = ""
    refused: str = ""

    @property
    def passed(self) -> bool:
        return not self.failure


@dataclass(frozen=True)
class Run:
    """One run of the suite. ``began`` is UTC; ``code`` is of this repository (origin.py).

    ``versions`` are of the programs that took part, ``images`` the keys of the suite's pods' images: what an image is made of.
    """

    node: str
    began: str
    seconds: float
    command: str
    code: str
    versions: Mapping[str, str]
    images: Mapping[str, str]
    outcomes: Sequence[Outcome]

    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]

    def by_title(self) -> dict[str, Outcome]:
        return {outcome.title: outcome for outcome in self.outcomes}


class NoReport(Exception):
    """The suite wrote no report that can be read, or of a part of what was asked for; the message says where and what."""


def title(name: str) -> str:
    """``Pods should be updated`` of ``[sig-node] Pods should be updated [NodeConformance] [Conformance]``."""
    return " ".join(_TAG.sub("", name).split())


def read(place: Path, refused: Mapping[str, str] | None = None) -> list[Outcome]:
    """The tests that were run, by title. ``refused`` has reasons by namespace (refusals.py).

    Raises NoReport, also for a run that was cut: in a report, tests that were not reached look as if nobody had asked for them.
    """
    root = _root(place)
    problems = list(_cut_short(root))
    if problems:
        raise NoReport(f"the suite did not run to its end: {'; '.join(problems)} ({place})")
    return sorted(_outcomes(root, refused or {}), key=lambda outcome: outcome.title)


def demand(outcomes: Sequence[Outcome], titles: Collection[str] | None) -> None:
    """Just ``titles`` were run; without them, anything at all. Raises NoReport."""
    ran = {outcome.title for outcome in outcomes}
    if titles is None:
        if not ran:
            raise NoReport("the suite ran no test: none matches")
        return
    missing, foreign = sorted(set(titles) - ran), sorted(ran - set(titles))
    if missing:
        raise NoReport(f"{len(missing)} of {len(titles)} tests were not run: {_some(missing)}")
    if foreign:
        raise NoReport(f"{len(foreign)} tests were run that devcluster/conformance/tests.txt lacks: {_some(foreign)}")


def names(place: Path) -> list[str]:
    """The whole names of the tests in a report, without ginkgo's own additions. Raises NoReport."""
    cases = (case for case in _root(place).iter("testcase") if not _left_out(case))
    return sorted(
        _LABELS.sub("", name.removeprefix(_LEAF)) for case in cases if (name := case.get("name", "")).startswith(_LEAF)
    )


def keep(run: Run, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".partial")
    draft.write_text(json.dumps(asdict(run), indent=1))
    draft.replace(place)


def kept(place: Path) -> Run | None:
    """The last whole run on a node, if there was one. One that an older program kept doesn't say enough."""
    if not place.is_file():
        return None
    stored: dict[str, Any] = json.loads(place.read_text())
    if set(stored) != {field.name for field in fields(Run)}:
        return None
    return Run(**{**stored, "outcomes": [Outcome(**each) for each in stored["outcomes"]]})


def _root(place: Path) -> Element:
    try:
        return parse(place).getroot()  # noqa: S314 - written by a program of ours a moment ago
    except (OSError, SyntaxError) as problem:
        raise NoReport(f"no report of the suite at {place}: {problem}") from problem


def _outcomes(root: Element, refused: Mapping[str, str]) -> Iterator[Outcome]:
    for case in root.iter("testcase"):
        name = case.get("name", "")
        if name.startswith(_LEAF) and not _left_out(case):
            namespaces = _NAMESPACE.findall(case.findtext("system-err", ""))
            reasons = "; ".join(sorted({refused[each] for each in namespaces if each in refused}))
            yield Outcome(title(name), round(float(case.get("time", "0")), 1), _failure(case), reasons)


def _cut_short(root: Element) -> Iterator[str]:
    """Why the suite ended before its time: ginkgo's own reason, or a set-up that failed."""
    for each in root.iter("property"):
        if each.get("name") == "SpecialSuiteFailureReason" and each.get("value"):
            yield each.get("value", "")
    for case in root.iter("testcase"):
        name = case.get("name", "")
        if _SET_UP.match(name) and case.get("status") != "passed":
            yield f"{name} {_failure(case)}"


def _some(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - _MISSING_NAMED} more" if len(titles) > _MISSING_NAMED else ""
    return ", ".join(titles[:_MISSING_NAMED]) + more


def _left_out(case: Element) -> bool:
    """Nobody asked for it. A test that finds the cluster unfit for it gives a reason, and has not passed."""
    skipped = case.find("skipped")
    return case.get("status") == "skipped" and (skipped is None or skipped.get("message") in (None, "skipped"))


def _failure(case: Element) -> str:
    """The suite's first line, and what the pod itself said if that is in what follows."""
    found = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
    if found is None:
        return "" if case.get("status") == "passed" else f"ended as {case.get('status')}"
    message = found.get("message") or found.text or "no message"
    first, _, rest = message.strip().partition("\n")
    words = pods_words(message) or rest
    sentence, _, _ = first.partition(" Pod status: ")
    whole = f"{sentence.strip().rstrip(':.')}: {words}".strip(" :")
    return textwrap.shorten(_CHANGING.sub("…", whole), _LENGTH, placeholder=" …")
