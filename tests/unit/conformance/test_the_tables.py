"""The reasons and the chosen tests, against the names of the suite's own tests."""

from pathlib import Path

import pytest
from devcluster.conformance.reasons import TableWrong
from devcluster.conformance.report import Outcome
from devcluster.conformance.suite import UnknownTest
from devcluster.paths import find_checkout

from devcluster.conformance import reasons, suite

FOLDER = find_checkout(Path(__file__).parent).root / "devcluster" / "conformance"
TESTS = suite.tests(FOLDER)


def test_the_suites_tests_are_told_apart_by_their_titles() -> None:
    assert len(TESTS) == len((FOLDER / "tests.txt").read_text().splitlines()) == 164


def test_each_reason_is_about_tests_that_exist_and_each_test_has_one_at_most() -> None:
    assert reasons.inexact(reasons.load(FOLDER / "reasons.yaml"), TESTS) == []


def test_no_test_is_chosen_that_is_known_to_fail() -> None:
    table = reasons.load(FOLDER / "reasons.yaml")
    assert [title for title in suite.titles_chosen(FOLDER) if any(row.is_about(title) for row in table)] == []
    assert len(suite.chosen(FOLDER).names) == len(suite.titles_chosen(FOLDER)) > 0


def write(folder: Path, text: str) -> Path:
    place = folder / "reasons.yaml"
    place.write_text(text)
    return place


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- {tests: [a], says: s, why: b}", "row 1: a row has the keys"),
        ("- {tests: [], says: s, why: b, within reach: true}", "row 1: tests is a list"),
        ("- {tests: ['('], says: s, why: b, within reach: true}", "row 1: tests is a list"),
        ("- {tests: [a], why: b, within reach: true}", "row 1: a row has the keys"),
        ("- {tests: [a], says: '', why: b, within reach: true}", "row 1: says is a regular"),
        ("- {tests: [a], says: '(', why: b, within reach: true}", "row 1: says is a regular"),
        ("- {tests: [a], says: s, why: ' ', within reach: true}", "row 1: why is a sentence"),
        ("- {tests: [a], says: s, why: b, within reach: 1}", "row 1: within reach is true or false"),
    ],
)
def test_a_row_that_says_nothing_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(TableWrong, match=problem):
        reasons.load(write(tmp_path, text))


def test_a_reason_explains_whole_titles(tmp_path: Path) -> None:
    table = reasons.load(
        write(tmp_path, "- {tests: ['Pods should .*', Secrets], says: 'no', why: b, within reach: true}")
    )
    found = {
        title: reasons.explanation(Outcome(title, 1.0, "no"), table)
        for title in ("Pods should run", "Secrets", "Secrets too")
    }
    assert [title for title, reason in found.items() if reason] == ["Pods should run", "Secrets"]


@pytest.mark.parametrize(
    ("failure", "refused", "explained"),
    [
        ("it said: no privileges here", "", True),
        ("context deadline exceeded", "no privileges here", True),
        ("context deadline exceeded", "no such volume", False),
        ("context deadline exceeded", "", False),
    ],
)
def test_a_reason_explains_what_fails_in_its_words(failure: str, refused: str, explained: bool, tmp_path: Path) -> None:
    table = reasons.load(
        write(tmp_path, "- {tests: [Secrets], says: 'no (privileges|users)', why: b, within reach: true}")
    )
    assert (reasons.explanation(Outcome("Secrets", 1.0, failure, refused), table) is not None) is explained


def test_rows_that_are_idle_or_at_odds_are_found(tmp_path: Path) -> None:
    text = "\n".join(f"- {{tests: [{name}], says: s, why: b, within reach: false}}" for name in ("a.*", "ab", "gone"))
    assert reasons.inexact(reasons.load(write(tmp_path, text)), ["ab", "ac"]) == [
        "no test is called gone",
        "2 rows explain ab",
    ]


def test_a_chosen_title_that_the_suite_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "tests.txt").write_text("[sig-node] Pods should run [NodeConformance]\n")
    (tmp_path / "selection.txt").write_text("# why\nPods should run\nPods should fly\n")
    with pytest.raises(UnknownTest, match="Pods should fly"):
        suite.chosen(tmp_path)
