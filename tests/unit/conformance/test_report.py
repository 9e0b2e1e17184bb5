"""What is read out of the suite's report, and that a run is kept as it was."""

from pathlib import Path

import pytest
from devcluster.conformance.report import NoReport, Outcome, Run

from devcluster.conformance import report

OUTCOMES = {outcome.title: outcome for outcome in report.read(Path(__file__).parent / "report.xml")}


def test_tests_that_were_run_are_there_and_nothing_else() -> None:
    assert sorted(OUTCOMES) == [
        "Downward API volume should update labels on modification",
        "HostPath should support r/w",
        "PodOSRejection Kubelet should reject pod",
        "Pods should be updated",
        "Pods should get a host IP",
        "Probing container should *not* be restarted with a tcp:8080 liveness probe",
    ]


def test_whole_names_are_the_suites_own() -> None:
    names = report.names(Path(__file__).parent / "report.xml")
    assert "[sig-node] Pods should be updated [NodeConformance] [Conformance]" in names
    assert [report.title(name) for name in names if name.startswith("[sig-storage] HostPath")] == [
        "HostPath should support r/w"
    ]
    assert len(names) == len(OUTCOMES)


def test_a_test_that_passed_has_no_failure() -> None:
    assert OUTCOMES["Pods should be updated"] == Outcome("Pods should be updated", 10.2)
    assert [title for title, outcome in OUTCOMES.items() if outcome.passed] == ["Pods should be updated"]


@pytest.mark.parametrize(
    ("title", "failure"),
    [
        (
            "Downward API volume should update labels on modification",
            "Timed out after 180.000s: Expected <string>: content of file",
        ),
        ("Pods should get a host IP", "index out of range"),
        # the suite leaves it out by itself: it has not passed
        ("PodOSRejection Kubelet should reject pod", "skipped - Could not find any Linux nodes"),
        # the pod's own words, not those of a condition
        (
            "HostPath should support r/w",
            'expected pod "pod-host-path-test" success: Told to stop trying after 2.020s: '
            'hostPath "/tmp" is not offered by the site (volumes[0])',
        ),
        # a status that is cut off
        (
            "Probing container should *not* be restarted with a tcp:8080 liveness probe",
            "pod failed: <v1.PodStatus>: message: [not, closed",
        ),
    ],
)
def test_a_failure_is_one_sentence(title: str, failure: str) -> None:
    assert OUTCOMES[title].failure == failure


def test_what_differs_in_every_run_is_left_out(tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    message = "pod busybox-0d8b0a5c-1b1e-4f38-9d6a-3f0c8d7e2a11 at 0x1bdcc97ec750 is gone"
    case = f'<testcase name="[It] Pods run" status="failed"><failure message="{message}"/></testcase>'
    place.write_text(f"<testsuites>{case}</testsuites>")
    assert report.read(place)[0].failure == "pod busybox-… at … is gone"


def test_a_failure_without_a_word_is_still_one(tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    place.write_text('<testsuites><testcase name="[It] Pods run" status="panicked"/></testsuites>')
    (outcome,) = report.read(place)
    assert outcome == Outcome("Pods run", 0.0, "ended as panicked")


@pytest.mark.parametrize("content", [None, "", "<testsuites>"])
def test_a_suite_that_wrote_no_report_is_an_error(content: str | None, tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    if content is not None:
        place.write_text(content)
    with pytest.raises(NoReport, match=r"report\.xml"):
        report.read(place)


NEVER_REACHED = '<testcase name="[It] Pods run" status="skipped"><skipped message="skipped"/></testcase>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            '<testcase name="[SynchronizedBeforeSuite]" status="failed"><failure message="nodes not ready"/></testcase>',
            r"\[SynchronizedBeforeSuite\] nodes not ready",
        ),
        ('<testcase name="[BeforeSuite]" status="skipped"><skipped message="skipped"/></testcase>', "BeforeSuite"),
        (
            '<properties><property name="SpecialSuiteFailureReason" value="Suite Timeout Elapsed"/></properties>',
            "Suite Timeout Elapsed",
        ),
    ],
)
def test_a_run_that_was_cut_is_no_run(content: str, why: str, tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    place.write_text(f"<testsuites><testsuite>{content}{NEVER_REACHED}</testsuite></testsuites>")
    with pytest.raises(NoReport, match=why):
        report.read(place)


def test_a_run_that_went_to_its_end_may_say_so(tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    ends = '<property name="SpecialSuiteFailureReason" value=""/><testcase name="[BeforeSuite]" status="passed"/>'
    after = '<testcase name="[SynchronizedAfterSuite]" status="failed"><failure message="late"/></testcase>'
    case = '<testcase name="[It] Pods run" status="passed"/>'
    place.write_text(f"<testsuites>{ends}{case}{after}</testsuites>")
    assert report.read(place) == [Outcome("Pods run", 0.0)]


@pytest.mark.parametrize(
    ("ran", "wanted", "problem"),
    [
        (["a", "b"], {"a", "b"}, None),
        (["a"], None, None),
        ([], None, "ran no test"),
        ([], {"a", "b"}, "2 of 2 tests were not run: a, b"),
        (["c"], {"a", "b", "c", "d", "e"}, "4 of 5 tests were not run: a, b, d and 1 more"),
        (["a", "b"], {"a"}, r"1 tests were run that .*tests\.txt lacks: b"),
    ],
)
def test_a_run_is_of_all_that_was_asked_for(ran: list[str], wanted: set[str] | None, problem: str | None) -> None:
    outcomes = [Outcome(title, 1.0) for title in ran]
    if problem is None:
        report.demand(outcomes, wanted)
        return
    with pytest.raises(NoReport, match=problem):
        report.demand(outcomes, wanted)


def test_a_run_is_kept_as_it_was(tmp_path: Path) -> None:
    versions, images = {"Kubernetes": "v1"}, {"pause": "9f"}
    run = Run("site", "2026-11-29 02:16", 235.2, "make", "1f", versions, images, list(OUTCOMES.values()))
    place = tmp_path / "runs" / "virtual.json"
    assert report.kept(place) is None
    report.keep(run, place)
    assert report.kept(place) == run


def test_a_run_that_an_older_program_kept_counts_as_none(tmp_path: Path) -> None:
    place = tmp_path / "virtual.json"
    place.write_text('{"node": "site", "outcomes": []}')
    assert report.kept(place) is None
