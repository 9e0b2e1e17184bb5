"""In which order a pod's containers are made, started and waited for, decided without processes."""

import signal

from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    STARTUP,
    Attempt,
    Finish,
    Prepare,
    Signal,
    Start,
)
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.lifecycle import Lifecycle
from condor_sidecar.job.supervisor.state import ENDED, RUNNING, STARTING, WAITING

from tests.unit.sidecar.supervisor.jobs import container, init, pod, sidecar
from tests.unit.sidecar.supervisor.lives import BAD, GOOD, begun, events, lifecycle, up


def test_init_containers_are_prepared_one_at_a_time() -> None:
    life = lifecycle(pod(init("i"), init("j"), container("m")))
    assert life.begin(0) == [Prepare("i")]
    assert life.prepared("i", "id", 0) == [Start("i")]
    assert life.started("i", 1) == []
    assert life.exited("i", GOOD, 2) == [Prepare("j")]


def test_a_container_that_does_not_run_yet_is_no_running_one() -> None:
    life = lifecycle(pod(container("m")))
    life.begin(0)
    assert life.prepared("m", "id", 0) == [Start("m")]
    assert (life.state.container("m").state, life.state.phase) == (WAITING, STARTING)
    life.started("m", 3)
    assert (life.state.container("m").started, life.state.phase) == (3, RUNNING)


def test_a_command_that_can_t_be_started_is_told_of_and_was_never_running() -> None:
    life = lifecycle(pod(container("m")))
    life.begin(0)
    life.prepared("m", "id", 0)
    assert life.exited("m", Ending(128, None, "StartError", 'exec: "nope": not found'), 1) == [Finish()]
    assert life.state.container("m").started is None
    assert events(life)[-1] == ("Failed", 'Error: exec: "nope": not found')


def test_main_containers_are_prepared_together() -> None:
    assert lifecycle(pod(container("a"), container("b"))).begin(0) == [Prepare("a"), Prepare("b")]


def test_an_init_container_that_fails_ends_the_pod_if_nothing_is_restarted() -> None:
    life = begun(pod(init("i"), container("m")))
    assert life.exited("i", BAD, 1) == [Finish()]
    assert (life.state.phase, life.state.container("m").state) == (ENDED, WAITING)


class TestSidecars:
    POD = pod(
        sidecar("s", ""), init("i"), sidecar("t", ""), container("m"), restart_policy=plan.NEVER, grace_seconds=30
    )

    def running(self) -> Lifecycle:
        life = lifecycle(self.POD)
        assert life.begin(0) == [Prepare("s")]
        assert up(life, [Prepare("s")]) == []
        assert life.state.container("i").state == RUNNING, "the next begins when the sidecar has started"
        assert up(life, life.exited("i", GOOD, 1), 1) == []
        assert life.state.container("m").state == RUNNING
        return life

    def test_they_end_after_the_others_the_last_one_first(self) -> None:
        life = self.running()
        assert life.exited("m", GOOD, 5) == [Signal("t", signal.SIGTERM)]
        assert life.exited("t", Ending(143, 15, "", ""), 6) == [Signal("s", signal.SIGTERM)]
        assert life.exited("s", BAD, 7) == [Finish()]
        assert life.state.reason == ""

    def test_told_to_stop_they_wait_for_the_others(self) -> None:
        life = self.running()
        assert life.stop("Terminated", "", 5) == [Signal("m", signal.SIGTERM)]
        assert life.exited("m", GOOD, 6) == [Signal("t", signal.SIGTERM)]

    def test_they_don_t_wait_beyond_the_grace_period(self) -> None:
        life = self.running()
        life.stop("Terminated", "", 5)
        assert life.tick(35) == [Signal("s", signal.SIGTERM), Signal("t", signal.SIGTERM), Signal("m", signal.SIGKILL)]

    def test_they_come_again_whatever_the_pod_s_policy_is(self) -> None:
        life = self.running()
        assert life.exited("s", GOOD, 2) == [Prepare("s")]
        assert up(life, [Prepare("s")], 2) == []
        assert life.state.container("s").restart_count == 1

    def test_one_that_has_to_start_up_holds_up_what_comes_after_it(self) -> None:
        probe = plan.Probe(plan.Action("tcp", port=1))
        life = lifecycle(pod(sidecar("s", "", startup=probe), container("m")))
        up(life, life.begin(0))
        (attempt,) = life.tick(0)
        assert attempt == Attempt("s", STARTUP, 0, 1.0)
        assert life.attempted("s", STARTUP, 0, True, "", 1) == [Prepare("m")]

    def test_its_failure_is_not_the_pod_s(self) -> None:
        life = self.running()
        life.exited("s", BAD, 2)
        assert life.exited("m", GOOD, 3) == [Signal("t", signal.SIGTERM)]
