"""What probes and hooks mean for a container, decided without processes."""

import signal

from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    LIVENESS,
    POST_START,
    PRE_STOP,
    READINESS,
    STARTUP,
    Attempt,
    Finish,
    Prepare,
    Signal,
    Start,
)
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.state import RUNNING, WAITING

from tests.unit.sidecar.supervisor.jobs import container, pod
from tests.unit.sidecar.supervisor.lives import BAD, GOOD, HOOK, begun, events, lifecycle, up


class TestProbes:
    def test_readiness_follows_its_probe(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), initial_delay=3, period=10, failure_threshold=2)
        life = begun(pod(container("a", readiness=probe)))
        state = life.state.container("a")
        assert (state.started_up, state.ready, life.wake_at()) == (True, False, 3)
        assert life.tick(3) == [Attempt("a", READINESS, 0, 1.0)]
        assert life.tick(4) == [], "one try at a time"
        for now, good, ready in [(5, True, True), (15, False, True), (25, False, False), (35, True, True)]:
            life.tick(now)
            life.attempted("a", READINESS, 0, good, "why", now)
            assert state.ready == ready
        assert ("Unhealthy", "Readiness probe failed: why") in events(life)

    def test_liveness_ends_the_run_and_it_comes_again_even_if_it_ends_well(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), failure_threshold=1, grace_seconds=5)
        life = begun(pod(container("a", liveness=probe), restart_policy=plan.ON_FAILURE, grace_seconds=100))
        life.tick(0)
        assert life.attempted("a", LIVENESS, 0, False, "dead", 1) == [Signal("a", signal.SIGTERM)]
        assert life.wake_at() == 6, "the probe's own grace period"
        assert events(life)[-2:] == [
            ("Unhealthy", "Liveness probe failed: dead"),
            ("Killing", "Container a failed liveness probe, will be restarted"),
        ]
        assert life.exited("a", GOOD, 2) == [Prepare("a")]

    def test_liveness_ends_a_pod_that_doesn_t_restart(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), failure_threshold=1)
        life = begun(pod(container("a", liveness=probe)))
        life.tick(0)
        life.attempted("a", LIVENESS, 0, False, "dead", 1)
        assert events(life)[-1] == ("Killing", "Container a failed liveness probe")
        assert life.exited("a", Ending(143, 15, "", ""), 2) == [Finish()]

    def test_nothing_but_startup_is_probed_before_it_passed(self) -> None:
        probe = plan.Probe(plan.Action("tcp"))
        life = begun(pod(container("a", startup=probe, liveness=probe, readiness=probe)))
        assert life.tick(0) == [Attempt("a", STARTUP, 0, 1.0)]
        assert life.attempted("a", STARTUP, 0, True, "", 1) == []
        assert life.state.container("a").started_up
        assert life.tick(1) == [Attempt("a", READINESS, 0, 1.0), Attempt("a", LIVENESS, 0, 1.0)]

    def test_what_comes_from_an_earlier_run_is_of_no_interest(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), failure_threshold=1)
        life = begun(pod(container("a", liveness=probe), restart_policy=plan.ALWAYS))
        life.tick(0)
        up(life, life.exited("a", BAD, 1), 1)
        assert life.attempted("a", LIVENESS, 0, False, "dead", 2) == []
        assert life.state.container("a").state == RUNNING

    def test_no_answer_is_told_and_changes_nothing(self) -> None:
        probe = plan.Probe(plan.Action("exec"), failure_threshold=1)
        life = begun(pod(container("a", liveness=probe)))
        life.tick(0)
        assert life.attempted("a", LIVENESS, 0, None, "no such file", 1) == []
        assert events(life)[-1][1] == "Liveness probe errored and resulted in unknown state: no such file"

    def test_only_readiness_is_probed_while_a_pod_ends(self) -> None:
        """Who sends requests to it must learn that it takes no more."""
        probe = plan.Probe(plan.Action("tcp"), failure_threshold=1)
        life = begun(pod(container("a", liveness=probe, readiness=probe), grace_seconds=100))
        life.tick(0)
        life.attempted("a", READINESS, 0, True, "", 1)
        life.stop("Terminated", "", 2)
        assert life.attempted("a", LIVENESS, 0, False, "dead", 3) == [], "a try that was under way"
        assert life.wake_at() == 10
        assert life.tick(10) == [Attempt("a", READINESS, 0, 1.0)]
        assert life.state.container("a").ready
        assert life.attempted("a", READINESS, 0, False, "closing", 11) == []
        assert not life.state.container("a").ready
        assert life.tick(102) == [Attempt("a", READINESS, 0, 1.0), Signal("a", signal.SIGKILL)]

    def test_a_pod_that_ends_before_it_has_started_up_is_not_probed(self) -> None:
        probe = plan.Probe(plan.Action("tcp"))
        life = begun(pod(container("a", startup=probe, readiness=probe), grace_seconds=100))
        life.stop("Terminated", "", 1)
        assert life.tick(50) == []

    def test_a_container_that_is_dead_may_be_ready_until_it_has_ended(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), failure_threshold=1)
        life = begun(
            pod(container("a", liveness=probe, readiness=probe), restart_policy=plan.ALWAYS, grace_seconds=100)
        )
        life.tick(0)
        life.attempted("a", READINESS, 0, True, "", 1)
        assert life.attempted("a", LIVENESS, 0, False, "dead", 1) == [Signal("a", signal.SIGTERM)]
        assert life.tick(10) == [Attempt("a", READINESS, 0, 1.0)]
        assert life.attempted("a", READINESS, 0, True, "", 11) == []

    def test_the_initial_delay_counts_from_the_start_of_the_container_not_from_the_end_of_its_hook(self) -> None:
        probe = plan.Probe(plan.Action("tcp"), initial_delay=10)
        life = begun(pod(container("a", post_start=HOOK, liveness=probe, readiness=probe._replace(initial_delay=30))))
        life.attempted("a", POST_START, 0, True, "", 20)
        assert life.tick(20) == [Attempt("a", LIVENESS, 0, 1.0)]
        life.attempted("a", LIVENESS, 0, True, "", 20)
        assert life.wake_at() == 30


class TestHooks:
    def test_probes_and_later_containers_wait_for_post_start(self) -> None:
        probe = plan.Probe(plan.Action("tcp"))
        life = lifecycle(pod(container("a", post_start=HOOK, liveness=probe), container("b")))
        actions = up(life, life.begin(0))
        assert [(each.name, each.what) for each in actions if isinstance(each, Attempt)] == [("a", POST_START)]
        assert (life.state.container("b").state, life.state.container("a").ready) == (WAITING, False)
        assert life.tick(5) == []
        assert life.attempted("a", POST_START, 0, True, "", 6) == [Start("b")]
        assert life.state.container("a").ready

    def test_a_failed_post_start_ends_the_container(self) -> None:
        life = begun(pod(container("a", post_start=HOOK), restart_policy=plan.ALWAYS))
        assert life.attempted("a", POST_START, 0, False, "exit 1", 1) == [Signal("a", signal.SIGTERM)]
        assert events(life)[-2] == ("FailedPostStartHook", "PostStartHook failed: exit 1")
        assert life.exited("a", GOOD, 2) == [Prepare("a")]

    def test_pre_stop_takes_from_the_grace_period(self) -> None:
        life = begun(pod(container("a", pre_stop=HOOK), grace_seconds=30))
        assert life.stop("Terminated", "", 10) == [Attempt("a", PRE_STOP, 0, 30.0)]
        assert life.attempted("a", PRE_STOP, 0, True, "", 20) == [Signal("a", signal.SIGTERM)]
        assert life.wake_at() == 40

    def test_a_pre_stop_that_takes_too_long_leaves_two_seconds(self) -> None:
        life = begun(pod(container("a", pre_stop=HOOK), grace_seconds=30))
        life.stop("Terminated", "", 10)
        assert life.tick(40) == [Signal("a", signal.SIGTERM)]
        assert life.tick(42) == [Signal("a", signal.SIGKILL)]

    def test_a_pre_stop_that_fails_is_told_and_the_container_ends_all_the_same(self) -> None:
        life = begun(pod(container("a", pre_stop=HOOK), grace_seconds=30))
        life.stop("Terminated", "", 10)
        assert life.attempted("a", PRE_STOP, 0, False, "exit 1", 11) == [Signal("a", signal.SIGTERM)]
        assert events(life)[-1] == ("FailedPreStopHook", "PreStopHook failed: exit 1")

    def test_what_ended_by_itself_has_no_pre_stop(self) -> None:
        life = begun(pod(container("a", pre_stop=HOOK)))
        assert life.exited("a", GOOD, 1) == [Finish()]
