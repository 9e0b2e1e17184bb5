"""Why tests fail on a virtual node, as people wrote it down: devcluster/conformance/reasons.yaml.

The one part of the document that no run can find out. A row that matches no test, and a test that two rows claim, are errors:
the table stays as exact as the suite. And a row speaks only for failures in which the suite or a refusal says what the row
expects: a test that fails in another way than it did when somebody looked is not explained.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster.conformance.report import Outcome

_KEYS = {"tests", "says", "why", "within reach"}


@dataclass(frozen=True)
class Reason:
    """Tests whose whole title ``pattern`` matches fail because of ``why``, and say so with ``says`` somewhere in their words.

    ``within_reach``: an unprivileged job at a site could pass them, if somebody built what is missing.
    """

    pattern: re.Pattern[str]
    says: re.Pattern[str]
    why: str
    within_reach: bool

    def is_about(self, title: str) -> bool:
        return self.pattern.fullmatch(title) is not None

    def explains(self, outcome: Outcome) -> bool:
        words = (outcome.failure, outcome.refused)
        return self.is_about(outcome.title) and any(self.says.search(each) for each in words)


class TableWrong(Exception):
    """The table can't be used; the message lists every problem."""


def load(place: Path) -> list[Reason]:
    """Raises TableWrong."""
    rows = yaml.safe_load(place.read_text()) or []
    problems = [f"row {number}: {problem}" for number, row in enumerate(rows, 1) for problem in _problems(row)]
    if problems:
        raise TableWrong(f"{place}:\n" + "\n".join(problems))
    return [
        Reason(
            re.compile("|".join(row["tests"])),
            re.compile(row["says"]),
            " ".join(row["why"].split()),
            row["within reach"],
        )
        for row in rows
    ]


def explanation(outcome: Outcome, reasons: Iterable[Reason]) -> Reason | None:
    """Of a failure."""
    return next((reason for reason in reasons if reason.explains(outcome)), None)


def inexact(reasons: Sequence[Reason], titles: Iterable[str]) -> list[str]:
    """What is wrong with the table, given the titles of all tests; a sentence each."""
    known = list(titles)
    idle = [f"no test is called {reason.pattern.pattern}" for reason in reasons if not any(map(reason.is_about, known))]
    claims = {title: sum(reason.is_about(title) for reason in reasons) for title in known}
    return idle + [f"{number} rows explain {title}" for title, number in claims.items() if number > 1]


def _problems(row: object) -> list[str]:
    if not isinstance(row, dict) or set(row) != _KEYS:
        return ["a row has the keys tests, says, why and within reach"]
    tests = row["tests"]
    found = []
    if not isinstance(tests, list) or not tests or not all(isinstance(each, str) and _compiles(each) for each in tests):
        found.append("tests is a list of regular expressions, each for whole titles")
    if not isinstance(row["says"], str) or not row["says"] or not _compiles(row["says"]):
        found.append("says is a regular expression")
    if not isinstance(row["why"], str) or not row["why"].strip():
        found.append("why is a sentence")
    if not isinstance(row["within reach"], bool):
        found.append("within reach is true or false")
    return found


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
