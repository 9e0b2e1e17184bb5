"""The page that a run writes."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from devcluster.conformance.document import area
from devcluster.conformance.reasons import Reason
from devcluster.conformance.report import Outcome, Run

from devcluster.conformance import document

REASONS = [
    Reason(re.compile("Sysctls .*"), re.compile("no"), "A job may not set kernel settings.", within_reach=False),
    Reason(re.compile("Probing .*"), re.compile("no"), "Probes are not run.", within_reach=True),
]


def run(node: str, outcomes: Sequence[Outcome]) -> Run:
    versions, images = {"Kubernetes": "v1.34.4", "Apptainer": "1.4"}, {"pause": "9f", "nginx": "2a"}
    return Run(node, "2026-11-29 02:16", 720.0, f"make {node}", f"c0de-{node}", versions, images, outcomes)


def passed(title: str) -> Outcome:
    return Outcome(title, 1.0)


def failed(title: str, failure: str = "no") -> Outcome:
    return Outcome(title, 1.0, failure)


VIRTUAL = run(
    "site-schedd",
    [
        passed("Secrets should be consumable"),
        failed("Sysctls should support sysctls"),
        failed("Probing container should be restarted"),
        failed("Pods should be odd", "status | `Failed`"),
    ],
)
ORDINARY = run(
    "hub",
    [
        failed("Secrets should be consumable", "timed out"),
        failed("Sysctls should support sysctls"),
        passed("Probing container should be restarted"),
        passed("Pods should be odd"),
    ],
)
PAGE = document.write(VIRTUAL, ORDINARY, REASONS)


def section(page: str, heading: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_both_nodes_are_counted() -> None:
    assert "| virtual (`site-schedd`) | 4 | **1** | 3 | 2026-11-29 02:16 | 12 |" in PAGE
    assert "| ordinary (`hub`) | 4 | **2** | 2 | 2026-11-29 02:16 | 12 |" in PAGE


def test_a_node_that_was_not_run_is_said_to_be_so() -> None:
    assert "| ordinary | not run on this machine |" in document.write(VIRTUAL, None, REASONS)


def test_areas_are_counted_on_both_nodes() -> None:
    assert "| Secrets | 1 | 1 | 0 |" in section(PAGE, "By area")
    assert "| Probing container | 1 | 0 | 1 |" in section(PAGE, "By area")


def test_each_failure_stands_below_its_reason_and_says_whether_it_is_the_nodes_own() -> None:
    out_of_reach = section(PAGE, "Failed: out of reach")
    assert "**A job may not set kernel settings.**" in out_of_reach
    assert "- Sysctls should support sysctls (fails on the ordinary node too)\n" in out_of_reach
    within_reach = section(PAGE, "Failed: within reach")
    assert "- Probing container should be restarted\n" in within_reach
    assert "Sysctls" not in within_reach


def test_a_failure_without_a_reason_is_shown_with_the_suites_words() -> None:
    assert r"| Pods should be odd | `status \| 'Failed'` |" in section(PAGE, "Failed: not explained")
    assert document.unexplained(VIRTUAL, REASONS) == [failed("Pods should be odd", "status | `Failed`")]


def test_what_fails_on_the_ordinary_node_alone_is_no_secret() -> None:
    alone = section(PAGE, "Failed on the ordinary node alone")
    assert "Secrets should be consumable" in alone
    assert "Sysctls" not in alone


def test_a_pass_without_a_pod_is_no_secret() -> None:
    outcomes = [passed("Secrets should be consumable"), Outcome("Probing is quiet", 1.0, refused="no probes here")]
    page = document.write(run("site-schedd", outcomes), None, REASONS)
    assert "| Probing is quiet | `no probes here` |" in section(page, "Passed with a pod that was refused")
    assert "Secrets" not in section(page, "Passed with a pod that was refused")


def test_an_unexplained_failure_shows_why_its_pod_was_refused() -> None:
    page = document.write(run("site-schedd", [Outcome("Pods run", 1.0, "no pod", "no users")]), None, REASONS)
    assert "| Pods run | `no pod`; pod refused: `no users` |" in page


def test_a_page_without_failures_has_no_empty_headings() -> None:
    page = document.write(run("site-schedd", [passed("Secrets should be consumable")]), None, REASONS)
    assert "Failed" not in page.replace("| failed |", "")


@pytest.mark.parametrize(
    ("title", "group"),
    [
        ("Downward API volume should set DefaultMode on files", "Downward API volume"),
        ("EmptyDir volumes volume on tmpfs should have the correct mode", "EmptyDir volumes"),
        ("Ephemeral Containers will start an ephemeral container in an existing pod", "Ephemeral Containers"),
        ("Networking Granular Checks: Pods should function for intra-pod communication: http", "Networking"),
        ("Security Context When creating a pod with privileged should run", "Security Context"),
        ("Sysctls", "Sysctls"),
    ],
)
def test_an_area_is_what_precedes_the_sentence(title: str, group: str) -> None:
    assert area(title) == group


def test_both_commands_and_the_versions_are_there() -> None:
    ran = section(PAGE, "What ran")
    assert "| node | commit | Kubernetes | Apptainer |\n" in ran
    assert "| virtual | c0de-site-schedd | v1.34.4 | 1.4 |\n| ordinary | c0de-hub | v1.34.4 | 1.4 |\n" in ran
    assert "pause 9f, nginx 2a." in ran
    assert "make site-schedd\nmake hub\n" in ran


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(ORDINARY, versions={"Kubernetes": "v1.33.1", "Apptainer": "1.4"}), "another Kubernetes v1.33.1: no"),
        (replace(ORDINARY, images={"pause": "9f"}), "another image nginx: no"),
        (replace(ORDINARY, versions={"Kubernetes": "v1.34.4", "Apptainer": "1.3"}), None),
    ],
)
def test_a_measure_of_something_else_is_left_out_with_a_word(other: Run, said: str | None) -> None:
    page = document.write(VIRTUAL, other, REASONS)
    if said is None:
        assert page.count("ordinary node too") == PAGE.count("ordinary node too") == 1
        return
    assert said in page
    assert "| Secrets | 1 | 1 |  |" in section(page, "By area")
    assert "ordinary node too" not in page
    assert "make hub" not in page
