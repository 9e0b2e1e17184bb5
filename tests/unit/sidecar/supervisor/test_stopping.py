"""How a pod is ended, decided without processes: who is asked when, and who has how much time."""

import signal

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import PRE_STOP, Attempt, Signal

from tests.unit.sidecar.supervisor.jobs import container, pod, sidecar
from tests.unit.sidecar.supervisor.lives import GOOD, HOOK, begun

TERM, KILL = Signal("a", signal.SIGTERM), Signal("a", signal.SIGKILL)


def test_an_evicted_pod_has_less_time_than_its_grace_period() -> None:
    life = begun(pod(container("a"), grace_seconds=300))
    assert life.stop("Evicted", "too much", 10, grace=5) == [TERM]
    assert life.wake_at() == 15
    assert life.tick(15) == [KILL]


def test_an_eviction_gives_no_more_time_than_the_pod_has_anyway() -> None:
    life = begun(pod(container("a"), grace_seconds=3))
    life.stop("Evicted", "too much", 10, grace=60)
    assert life.wake_at() == 13


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
