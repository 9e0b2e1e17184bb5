"""When probes are due and what their results mean, and how long who failed waits: tables, and what holds for every history."""

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.backoff import FIRST, FORGET, MOST, BackOff
from condor_sidecar.job.supervisor.state import EVENTS_AT_ONCE, EVENTS_KEPT, PodState
from condor_sidecar.job.supervisor.thresholds import ProbeRun
from condor_sidecar.job.supervisor.words import duration, quantity
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.supervisor.jobs import container, pod


def probe(**fields: int) -> plan.Probe:
    return plan.Probe(plan.Action("tcp"), **fields)


@pytest.mark.parametrize(
    ("success", "failure", "results", "verdicts"),
    [
        (1, 3, "FFF", [None, None, False]),
        (1, 3, "FFSFFF", [None, None, True, True, True, False]),
        (2, 1, "SFSS", [None, False, False, True]),
        (1, 1, "SFSF", [True, False, True, False]),
        (1, 2, "F?F", [None, None, False]),
    ],
)
def test_verdicts_need_results_in_a_row(success: int, failure: int, results: str, verdicts: list[bool | None]) -> None:
    run = ProbeRun(probe(success_threshold=success, failure_threshold=failure), 0)
    seen = []
    for now, result in enumerate(results):
        run.ask(now)
        run.answer({"S": True, "F": False, "?": None}[result], now)
        seen.append(run.verdict)
    assert seen == verdicts


@given(
    st.lists(st.sampled_from([True, False, None]), max_size=30),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_a_verdict_is_what_the_last_results_said_together(
    results: list[bool | None], success: int, failure: int
) -> None:
    run = ProbeRun(probe(success_threshold=success, failure_threshold=failure), 0)
    given_results: list[bool] = []
    for now, result in enumerate(results):
        before = run.verdict
        changed = run.answer(result, now)
        given_results += [] if result is None else [result]
        assert changed == (run.verdict != before)
        if changed:
            assert run.verdict is result
            enough = success if result else failure
            assert given_results[-enough:] == [result] * enough


@given(st.integers(0, 100), st.integers(1, 100), st.lists(st.floats(0.1, 200), max_size=10))
def test_a_probe_is_tried_no_sooner_than_its_period_and_one_at_a_time(
    delay: int, period: int, durations: list[float]
) -> None:
    run = ProbeRun(probe(initial_delay=delay, period=period), 5.0)
    due = run.due_at()
    assert due == 5.0 + delay
    for took in durations:
        assert due is not None
        run.ask(due)
        assert run.due_at() is None
        run.answer(True, due + took)
        assert run.due_at() == max(due + period, due + took)
        due = run.due_at()


@given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 500)), max_size=20))
def test_pauses_grow_to_a_bound_and_a_good_run_is_a_new_beginning(free: int, runs: list[tuple[int, int]]) -> None:
    back_off, now, failures = BackOff(free), 0.0, 0
    for ran, waited in runs:
        now += ran
        failures = 1 if failures and ran > FORGET else failures + 1
        pause = back_off.failed(now)
        assert pause == (0 if failures <= free else min(MOST, FIRST * 2 ** (failures - free - 1)))
        now += waited
        back_off.resumed(now)


def test_events_that_come_too_often_are_dropped_and_the_latest_are_kept() -> None:
    state = PodState(pod(container("a")), "host", "")
    for now in range(1000):
        state.event("Warning", "Unhealthy", f"{now}", "a", 1e9 + now)
    numbers = [each["number"] for each in state.events]
    assert numbers == list(range(numbers[-1] - EVENTS_KEPT + 1, numbers[-1] + 1))
    assert numbers[-1] == EVENTS_AT_ONCE + 3, "one more in 300 s"


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (10, "10s"), (60, "1m0s"), (160, "2m40s"), (300, "5m0s")])
def test_durations_are_go_s(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(1 << 30, "1Gi"), (3 << 20, "3Mi"), (1024, "1Ki"), (100_000, "100000"), (0, "0")]
)
def test_sizes_are_kubernetes(size: int, text: str) -> None:
    assert quantity(size) == text
