"""How a pod is ended, decided without processes: who is asked when, and who has how much time."""

import signal

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    PRE_STOP,
    Action,
    Attempt,
    Finish,
    Signal,
)
from condor_sidecar.job.supervisor.life import Ending

from tests.unit.sidecar.supervisor.jobs import container, pod, sidecar
from tests.unit.sidecar.supervisor.lives import GOOD, HOOK, begun, events, lifecycle

TERM, KILL = Signal("a", signal.SIGTERM), Signal("a", signal.SIGKILL)


def test_an_evicted_pod_has_less_time_than_its_grace_period() -> None:
    life = begun(pod(container("a"), grace_seconds=300))
    assert life.stop("Evicted", "too much", 10, grace=5) == [TERM]
    assert life.wake_at() == 15
    assert life.tick(15) == [KILL]
    assert ("Evicted", "too much") in events(life)


def test_the_deadline_is_told_as_an_event() -> None:
    life = begun(pod(container("a"), deadline_seconds=10))
    assert life.tick(10) == [TERM]
    assert ("DeadlineExceeded", "too late") in events(life)


def test_a_delete_may_give_more_time_than_the_pod_has_itself() -> None:
    life = begun(pod(container("a"), grace_seconds=3))
    life.stop("Terminated", "deleted", 10, grace=60)
    assert life.wake_at() == 70
    assert life.tick(70) == [KILL]


def test_the_batch_system_s_signal_leaves_a_pod_that_ends_its_own_grace_period() -> None:
    """That is when the batch system kills the job."""
    life = begun(pod(container("a"), grace_seconds=3))
    life.stop("Terminated", "deleted", 10, grace=60)
    assert life.stop("Terminated", "the batch system's signal", 20) == []
    assert life.wake_at() == 23
    assert life.state.message == "deleted"


def test_no_delete_gives_more_time_than_the_job_has() -> None:
    life = begun(pod(container("a"), grace_seconds=3, deadline_seconds=30))
    life.stop("Terminated", "deleted", 10, grace=60)
    assert life.wake_at() == 33


def test_a_pod_that_ends_can_be_hurried_and_keeps_its_reason() -> None:
    life = begun(pod(container("a", pre_stop=HOOK), sidecar("s", "x"), grace_seconds=300))
    assert life.stop("Terminated", "told to", 0) == [Attempt("a", PRE_STOP, 0, 300.0)]
    assert life.stop("Evicted", "too much", 10, grace=5) == []
    assert (life.state.reason, life.state.message) == ("Terminated", "told to")
    assert life.wake_at() == 15
    assert life.tick(15) == [TERM, Signal("s", signal.SIGTERM)], "neither hook nor turn is waited for any longer"
    assert life.stop("Evicted", "too much", 16, grace=5) == []
    assert life.wake_at() == 17
    assert life.tick(17) == [KILL, Signal("s", signal.SIGKILL)]


def test_who_was_asked_already_is_killed_sooner_by_a_hurry_but_not_at_once() -> None:
    life = begun(pod(container("a"), grace_seconds=300))
    assert life.stop("Terminated", "", 0) == [TERM]
    assert life.stop("Evicted", "", 100, grace=1) == []
    assert life.wake_at() == 102
    assert life.tick(102) == [KILL]


def test_nothing_is_longer_than_it_was_by_a_second_word() -> None:
    life = begun(pod(container("a"), grace_seconds=10))
    life.stop("Terminated", "", 0)
    assert life.stop("Evicted", "", 5, grace=60) == []
    assert life.wake_at() == 10


@pytest.mark.parametrize(("grace", "kill_at"), [(0, 2.0), (1, 2.0), (2, 2.0), (3, 3.0)])
def test_everybody_is_asked_and_has_two_seconds_at_least(grace: int, kill_at: float) -> None:
    life = begun(pod(container("a"), grace_seconds=grace))
    assert life.stop("Terminated", "", 0) == [TERM]
    assert life.wake_at() == kill_at
    assert life.tick(kill_at) == [KILL]


def test_without_a_grace_period_neither_hook_nor_turn_is_waited_for() -> None:
    life = begun(pod(container("a", pre_stop=plan.Action("exec", ["hook"])), sidecar("s", "x"), grace_seconds=0))
    assert life.stop("Terminated", "", 0) == [TERM, Signal("s", signal.SIGTERM)]
    life.exited("s", GOOD, 1)
    assert life.tick(2) == [KILL]


def test_a_container_is_asked_to_end_once_it_runs_and_killed_if_it_never_does() -> None:
    life = lifecycle(pod(container("a"), container("b"), grace_seconds=5))
    life.begin(0)
    life.prepared("a", "id", 0)
    life.prepared("b", "id", 0)
    assert life.stop("Terminated", "", 10) == []
    assert life.started("a", 11) == [Signal("a", signal.SIGTERM)]
    assert life.wake_at() == 15, "its grace began when the pod's did"
    assert Signal("b", signal.SIGKILL) in life.tick(15)
    assert life.exited("b", Ending(0, None, "", ""), 15.1) == []
    assert life.state.container("b").exit_code == 137


def test_a_container_names_the_signal_that_asks_it_to_end() -> None:
    life = begun(pod(container("a", stop_signal=signal.SIGQUIT)))
    assert life.stop("Terminated", "", 10) == [Signal("a", signal.SIGQUIT)]


def test_a_container_that_no_kill_ends_is_given_up() -> None:
    life = begun(pod(container("a"), grace_seconds=1))
    life.stop("Terminated", "", 0)
    now, actions = 1.0, list[Action]()
    while Finish() not in actions:
        actions = life.tick(now)
        now += 5
    assert now < 40
    assert life.state.container("a").exit_code == 137


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(100, plan.OWN_DEADLINE), (3600, "too late"), (5000, "too late")],
    ids=["sooner", "same", "later"],
)
def test_another_deadline_counts_from_the_start_and_has_its_own_words_where_it_is_sooner(
    seconds: int, message: str
) -> None:
    life = begun(pod(container("a"), deadline_seconds=3600))
    life.change_deadline(seconds)
    assert life.wake_at() == seconds
    assert life.tick(seconds - 1) == []
    assert life.tick(seconds) == [TERM]
    assert (life.state.reason, life.state.message) == ("DeadlineExceeded", message)


def test_a_deadline_that_is_over_when_it_is_set_ends_the_pod_at_once() -> None:
    life = begun(pod(container("a"), deadline_seconds=3600))
    assert life.tick(20) == []
    life.change_deadline(10)
    assert life.tick(20) == [TERM]
    assert life.state.message == plan.OWN_DEADLINE


def test_another_deadline_is_of_no_interest_to_a_pod_that_ends() -> None:
    life = begun(pod(container("a"), grace_seconds=100))
    life.stop("Terminated", "told to", 0)
    life.change_deadline(1)
    assert life.wake_at() == 100
    assert life.tick(50) == []
    assert life.state.reason == "Terminated"
