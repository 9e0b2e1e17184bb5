"""What users see of their workers, and which pods belong to nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest
from offload_backend.core import names, report
from offload_backend.core.fate import fate
from offload_backend.core.orphans import orphans
from offload_backend.core.report import MOST_ENDED, MOST_ROWS, WorkerView

from tests.unit.offload_backend.test_fates import ended, pod, waiting


def view(**changes: Any) -> WorkerView:
    usual: dict[str, Any] = {
        "name": "w1",
        "connected": False,
        "closing": False,
        "over": False,
        "state": {},
        "started": 1000,
        "stopped": None,
        "pod": None,
    }
    return WorkerView(**{**usual, **changes})


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (view(), "waiting"),
        (view(pod=pod()), "waiting"),
        (view(pod=pod("Running")), "starting"),
        (view(pod=pod("Running"), connected=True), "running"),
        (view(pod=pod("Running"), connected=True, closing=True), "closing"),
        (view(pod=pod("Failed", ended(1)), connected=True), "failed"),
        (view(pod=pod("Succeeded", ended(0))), "ended"),
        (view(pod=pod("Running"), over=True, connected=True), "ended"),
        (view(over=True), "ended"),
        (view(over=True, state={"stage": "failed", "message": "x"}), "failed"),
    ],
)
def test_a_worker_has_one_word_for_its_state(found: WorkerView, state: str) -> None:
    assert report.row(found, "far", {})["state"] == state


def test_a_worker_that_waits_says_why_by_its_status_or_else_by_a_warning_about_it() -> None:
    silent = {**pod(), "metadata": {"uid": "u1"}}
    assert report.row(view(pod=silent), "far", {"u1": "FailedMount: no claim"})["message"] == "FailedMount: no claim"
    held = {**pod(state=waiting("JobHeld", "held: no disk")), "metadata": {"uid": "u1"}}
    row = report.row(view(pod=held), "far", {"u1": "Failed: old"})
    assert (row["reason"], row["message"]) == ("JobHeld", "held: no disk")


def test_what_is_kept_of_a_worker_is_told_when_its_pod_is_gone() -> None:
    failed = pod("Failed", ended(137, "OOMKilled"))
    failed["spec"]["nodeName"] = "far-node"
    remembered = report.kept(fate(failed), failed)
    before = report.row(view(pod=failed), "far", {})
    after = report.row(view(state=remembered, over=True), "far", {})
    same = ("state", "reason", "message", "exit_code", "node")
    assert [before[key] for key in same] == [after[key] for key in same]


def test_a_page_shows_active_workers_first_and_then_the_latest_that_ended() -> None:
    active = [view(name=f"a{n}") for n in range(MOST_ROWS + 5)]
    over = [view(name=f"e{n}", over=True, stopped=n) for n in range(MOST_ENDED + 7)]
    shown, left_off = report.page([*over, *active])
    assert left_off == 12
    assert [v.name for v in shown[:MOST_ROWS]] == [v.name for v in active[:MOST_ROWS]]
    assert shown[MOST_ROWS].name == f"e{MOST_ENDED + 6}"


NOW = 1_000_000.0


def made(cluster: str, worker: str = "", age: float = 600, **meta: Any) -> dict[str, Any]:
    role = names.WORKER_ROLE if worker else names.SCHEDULER_ROLE
    stamp = datetime.fromtimestamp(NOW - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = names.labels("dask", cluster, role, worker)
    return {"metadata": {"name": f"{cluster}{worker}", "labels": labels, "creationTimestamp": stamp, **meta}}


@pytest.mark.parametrize(
    ("found", "orphan"),
    [
        (made("c1"), False),
        (made("c1", "w1"), False),
        (made("c1", "gone"), True),
        (made("gone"), True),
        (made("gone", "w1"), True),
        (made("gone", age=60), False),
        (made("gone", deletionTimestamp="now"), False),
    ],
)
def test_pods_of_nobody_are_found_after_a_while(found: dict[str, Any], orphan: bool) -> None:
    assert orphans([found], {"c1": frozenset({"w1"})}, NOW, 180) == ([found] if orphan else [])


def test_secrets_of_nobody_are_selected_without_reading_any() -> None:
    assert names.of_no_cluster("dask", []) == "offload.highrate/gateway=dask"
    assert (
        names.of_no_cluster("dask", ["b", "a"]) == "offload.highrate/gateway=dask,offload.highrate/cluster notin (a,b)"
    )
