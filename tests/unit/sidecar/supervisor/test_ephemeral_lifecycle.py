"""Ephemeral containers in a pod's life: started whatever the others do, never again, waited for by nobody, ended with the pod."""

import signal

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import Attempt, Finish, Prepare, Signal, Start
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.state import ENDED, RUNNING, STARTING, TERMINATED, WAITING

from tests.unit.sidecar.supervisor.jobs import container, init, pod, sidecar
from tests.unit.sidecar.supervisor.lives import BAD, GOOD, HOOK, begun, events, lifecycle, up


def debugger(name: str = "d", **fields: object) -> plan.Container:
    return container(name, kind=plan.EPHEMERAL, **fields)


def test_it_is_started_beside_the_others_and_only_it() -> None:
    life = begun(pod(container("a")))
    assert life.add(debugger(), 5) == [Prepare("d")]
    assert life.prepared("d", "id", 6) == [Start("d")]
    assert life.started("d", 7) == []
    assert [each.name for each in life.state.containers] == ["a", "d"]
    assert life.state.phase == RUNNING


def test_it_does_not_wait_for_init_containers_nor_hooks() -> None:
    life = begun(pod(init("i"), container("a")))
    assert up(life, life.add(debugger(), 1)) == []
    assert (life.state.container("d").state, life.state.phase) == ("running", STARTING)
    life = lifecycle(pod(container("a", post_start=HOOK), container("b")))
    assert any(isinstance(action, Attempt) for action in up(life, life.begin(0)))
    assert life.state.container("b").state == WAITING, "it waits for the hook of the one before it"
    up(life, life.add(debugger(), 1))
    assert life.state.container("d").state == "running"


@pytest.mark.parametrize("policy", [plan.ALWAYS, plan.ON_FAILURE, plan.NEVER])
@pytest.mark.parametrize("ending", [GOOD, BAD])
def test_it_never_comes_again_and_its_end_is_nothing_to_the_pod(policy: str, ending: Ending) -> None:
    life = begun(pod(container("a"), restart_policy=policy))
    up(life, life.add(debugger(), 1))
    assert life.exited("d", ending, 2) == []
    assert (life.state.container("d").state, life.state.phase) == (TERMINATED, RUNNING)
    assert life.tick(1000) == []
    assert (life.state.container("d").restart_count, life.state.container("a").state) == (0, "running")


def test_the_pod_does_not_wait_for_it_but_ends_it() -> None:
    life = begun(pod(container("a"), grace_seconds=30))
    up(life, life.add(debugger(), 1))
    assert life.exited("a", GOOD, 2) == [Signal("d", signal.SIGTERM)]
    assert life.tick(32) == [Signal("d", signal.SIGKILL)]
    assert life.exited("d", Ending(137, 9, "", ""), 33) == [Finish()]
    assert life.state.phase == ENDED


def test_sidecars_do_not_wait_for_it_when_the_pod_ends() -> None:
    life = begun(pod(sidecar("s", ""), container("a")))
    up(life, life.add(debugger(), 1))
    assert life.exited("a", GOOD, 2) == [Signal("d", signal.SIGTERM), Signal("s", signal.SIGTERM)]


def test_one_that_can_t_be_made_is_tried_for_ever_and_ends_nothing() -> None:
    life = begun(pod(container("a"), patience_seconds=1, deadline_seconds=10**6))
    life.add(debugger(), 1)
    now = 1.0
    for _ in range(20):
        assert life.cannot_start("d", "ErrImagePull", "no such image", now) == []
        assert life.state.container("d").state == WAITING
        while not (actions := life.tick(now)):
            due = life.wake_at()
            assert due is not None and due - now <= 300
            now = due
        assert actions == [Prepare("d")]
    assert life.state.phase == RUNNING
    assert life.stop("Terminated", "", now) == [Signal("a", signal.SIGTERM)]
    life.exited("a", GOOD, now)
    assert life.cannot_start("d", "ErrImagePull", "no such image", now) == [Finish()]
    assert life.state.container("d").state == WAITING, "it never ran, which is no end"


def test_a_target_whose_processes_it_can_t_see_is_told_of() -> None:
    life = begun(pod(container("a")))
    life.add(debugger(target="a"), 1)
    ((_, words),) = [each for each in events(life) if each[0] == "TargetNotShared"]
    assert words.startswith("Container d doesn't see the processes of container a")
    assert life.state.events[-1]["container"] == "d"
