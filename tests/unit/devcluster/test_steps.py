"""The graph of steps: order, failure, resuming."""

import io
import threading
from pathlib import Path

import pytest
from devcluster.steps import Step, StepFailed, StepLog, check_graph, run_steps
from rich.console import Console


def quiet() -> Console:
    return Console(file=io.StringIO())


def nothing(_: StepLog) -> None:
    """A step that is done at once."""


def test_a_step_runs_after_all_that_it_needs(tmp_path: Path) -> None:
    order: list[str] = []

    def note(name: str) -> Step:
        needs = {"c": ("a", "b"), "d": ("c",)}.get(name, ())
        return Step(name, name, lambda _: order.append(name), needs)

    run_steps([note(name) for name in "abcd"], tmp_path, quiet())
    assert set(order[:2]) == {"a", "b"}
    assert order[2:] == ["c", "d"]


def test_steps_that_do_not_need_each_other_run_together(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    run_steps([Step(name, name, lambda _: _ignore(both.wait())) for name in "ab"], tmp_path, quiet())
    assert not both.broken


def test_a_failure_names_its_step_and_log_and_keeps_the_rest_from_starting(tmp_path: Path) -> None:
    begun: list[str] = []

    def fail(log: StepLog) -> None:
        log.run(["sh", "-c", "echo the reason; exit 3"])

    steps = [Step("bad", "a bad step", fail), Step("later", "later", lambda _: begun.append("later"), ("bad",))]
    with pytest.raises(StepFailed, match=r"(?s)a bad step.*ended with 3.*the reason.*bad\.log"):
        run_steps(steps, tmp_path, quiet())
    assert begun == []
    assert "the reason" in (tmp_path / "bad.log").read_text()


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([Step("a", "a", nothing, ("b",)), Step("b", "b", nothing)], "a needs b"),
        ([Step("a", "a", nothing), Step("a", "a", nothing)], "two steps"),
    ],
)
def test_a_wrong_graph_is_found_before_anything_runs(steps: list[Step], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_graph(steps)


def _ignore(_: object) -> None:
    """Only the side effect counts."""
