"""What the supervisor decides, without processes: properties that hold whatever happens in whatever order."""

import signal
from collections.abc import Callable

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    LIVENESS,
    POST_START,
    PRE_STOP,
    READINESS,
    STARTUP,
    Action,
    Attempt,
    Finish,
    Prepare,
    Signal,
    Start,
)
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.lifecycle import Lifecycle
from condor_sidecar.job.supervisor.state import ENDED, RUNNING, STARTING, TERMINATED, WAITING
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.sidecar.supervisor.jobs import container, init, pod, sidecar
from tests.unit.sidecar.supervisor.lives import BAD, GOOD, HOOK, begun, events, lifecycle, up


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


def test_starts_that_fail_are_counted_and_come_after_ever_longer_pauses() -> None:
    life = begun(pod(container("m"), restart_policy=plan.ALWAYS))
    now, pauses = 1000.0, []
    actions = life.exited("m", BAD, now)
    for _ in range(5):
        while not actions:
            wake_at = life.wake_at()
            assert wake_at is not None
            pauses.append(wake_at - now)
            now = wake_at
            actions = life.tick(now)
        assert actions == [Prepare("m")]
        assert life.prepared("m", "id", now) == [Start("m")]
        actions = life.exited("m", Ending(128, None, "StartError", "x"), now)
    assert pauses == [10, 20, 40, 80]
    assert life.state.container("m").restart_count == 5


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


def test_main_containers_are_prepared_together() -> None:
    assert lifecycle(pod(container("a"), container("b"))).begin(0) == [Prepare("a"), Prepare("b")]


def test_an_init_container_that_fails_ends_the_pod_if_nothing_is_restarted() -> None:
    life = begun(pod(init("i"), container("m")))
    assert life.exited("i", BAD, 1) == [Finish()]
    assert (life.state.phase, life.state.container("m").state) == (ENDED, WAITING)


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


class TestRestarts:
    @pytest.mark.parametrize(
        ("policy", "ending", "again"),
        [
            (plan.NEVER, GOOD, False), (plan.NEVER, BAD, False),
            (plan.ON_FAILURE, GOOD, False), (plan.ON_FAILURE, BAD, True),
            (plan.ALWAYS, GOOD, True), (plan.ALWAYS, BAD, True),
        ],
    )  # fmt: skip
    def test_the_policy_says_what_comes_again(self, policy: str, ending: Ending, again: bool) -> None:
        life = begun(pod(container("a"), restart_policy=policy))
        assert life.exited("a", ending, 1) == ([Prepare("a")] if again else [Finish()])

    @pytest.mark.parametrize(
        ("policy", "ending", "actions"),
        [
            (plan.ALWAYS, GOOD, [Prepare("m")]),
            (plan.ALWAYS, BAD, [Prepare("i")]),
            (plan.ON_FAILURE, BAD, [Prepare("i")]),
        ],
    )
    def test_init_containers_come_again_when_they_failed(
        self, policy: str, ending: Ending, actions: list[Action]
    ) -> None:
        life = begun(pod(init("i"), container("m"), restart_policy=policy))
        assert life.exited("i", ending, 1) == actions

    def test_the_first_restart_is_at_once_the_others_wait_longer_each_time(self) -> None:
        life = begun(pod(container("a"), restart_policy=plan.ALWAYS, name="p", namespace="n", uid="u"))
        now, pauses = 0.0, []
        for _ in range(8):
            now += 1
            actions = life.exited("a", BAD, now)
            due = life.wake_at()
            if not actions:
                assert due is not None
                pauses.append(due - now)
                now = due
                actions = life.tick(now)
            assert actions == [Prepare("a")]
            up(life, actions, now)
        assert pauses == [10, 20, 40, 80, 160, 300, 300]
        assert life.state.container("a").restart_count == 8

    def test_while_it_waits_it_says_why_and_how_it_ended(self) -> None:
        life = begun(pod(container("a"), restart_policy=plan.ALWAYS, name="p", namespace="n", uid="u"))
        up(life, life.exited("a", BAD, 1), 1)
        life.exited("a", Ending(3, None, "", "words"), 2)
        state = life.state.container("a")
        assert (state.state, state.reason) == (WAITING, "CrashLoopBackOff")
        assert state.message == "back-off 10s restarting failed container=a pod=p_n(u)"
        assert state.last is not None
        assert (state.last["exit_code"], state.last["message"], state.restart_count) == (3, "words", 1)
        assert events(life)[-1] == ("BackOff", "Back-off restarting failed container a in pod p_n(u)")

    def test_ten_good_minutes_are_a_new_beginning(self) -> None:
        life = begun(pod(container("a"), restart_policy=plan.ALWAYS))
        up(life, life.exited("a", BAD, 1), 1)
        assert life.exited("a", BAD, 602) == [Prepare("a")]

    def test_a_pod_that_ends_shows_the_last_end_of_what_waited(self) -> None:
        life = begun(pod(container("a"), restart_policy=plan.ALWAYS))
        up(life, life.exited("a", BAD, 1), 1)
        life.exited("a", Ending(3, None, "", ""), 2)
        assert life.stop("Terminated", "", 3) == [Finish()]
        state = life.state.container("a")
        assert (state.state, state.exit_code, state.restart_count) == (TERMINATED, 3, 1)
        assert state.last is not None and state.last["exit_code"] == 1

    def test_a_pod_that_always_restarts_ends_when_it_is_told_to(self) -> None:
        life = begun(pod(container("a"), restart_policy=plan.ALWAYS))
        assert life.stop("Terminated", "", 3) == [Signal("a", signal.SIGTERM)]
        assert life.exited("a", GOOD, 4) == [Finish()]


class TestWhatCanTBeMade:
    def test_an_image_is_tried_again_for_as_long_as_the_plan_says(self) -> None:
        life = lifecycle(pod(container("a", image=plan.Image("x", [])), patience_seconds=100))
        life.begin(0)
        now, tries = 0.0, [0.0]
        actions = life.cannot_start("a", "ErrImagePull", "no", now)
        shown = []
        while Finish() not in actions:
            assert life.state.container("a").state == WAITING
            shown.append(life.state.container("a").reason)
            at = life.wake_at()
            assert at is not None
            now = at
            actions = life.tick(now)
            if actions == [Prepare("a")]:
                tries.append(now)
                actions = life.cannot_start("a", "ErrImagePull", "no", now)
        assert tries == [0, 10, 30, 70, 100]
        assert shown == ["ErrImagePull", "ImagePullBackOff"] * 4
        state = life.state.container("a")
        assert (state.exit_code, state.reason, state.message) == (128, "ErrImagePull", "no")
        assert (life.state.reason, life.state.message) == ("ErrImagePull", "no")
        assert ("BackOff", 'Back-off pulling image "x"') in events(life)

    def test_its_pause_says_what_it_waits_for(self) -> None:
        life = lifecycle(pod(container("a", image=plan.Image("x", [])), patience_seconds=100))
        life.begin(0)
        life.cannot_start("a", "ErrImagePull", "no such host", 0)
        life.tick(5)
        assert life.state.container("a").message == 'Back-off pulling image "x": no such host'

    def test_what_ends_the_pod_ends_the_other_containers(self) -> None:
        life = begun(pod(container("a"), container("b"), patience_seconds=0, restart_policy=plan.ALWAYS))
        assert life.exited("b", BAD, 1) == [Prepare("b")]
        assert life.cannot_start("b", "CreateContainerConfigError", "no", 2) == [Signal("a", signal.SIGTERM)]
        assert life.exited("a", GOOD, 3) == [Finish()]
        assert life.state.container("b").reason == "CreateContainerConfigError"


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

    def test_nothing_is_probed_once_the_container_is_to_end(self) -> None:
        probe = plan.Probe(plan.Action("tcp"))
        life = begun(pod(container("a", liveness=probe, readiness=probe), grace_seconds=100))
        life.stop("Terminated", "", 1)
        assert life.tick(50) == []


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


def test_who_takes_too_much_memory_is_killed_and_comes_again() -> None:
    life = begun(pod(container("a"), restart_policy=plan.ON_FAILURE))
    assert life.out_of_memory("a") == [Signal("a", signal.SIGKILL)]
    assert life.exited("a", GOOD, 1) == [Prepare("a")]
    state = life.state.container("a")
    assert (state.exit_code, state.signal, state.reason) == (137, 9, "OOMKilled")


class AnyOrder(RuleBasedStateMachine):
    """Events in any order that the world allows."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.finished = False
        self.preparing: set[str] = set()
        self.starting: set[str] = set()
        self.running: set[str] = set()
        self.attempts: list[Attempt] = []
        self.counts: dict[str, int] = {}

    @initialize(
        inits=st.lists(st.sampled_from(["init", "sidecar", "slow"]), max_size=3),
        mains=st.integers(1, 3),
        grace=st.sampled_from([0, 5]),
        deadline=st.sampled_from([7, 1000]),
        patience=st.sampled_from([0, 20]),
        policy=st.sampled_from([plan.NEVER, plan.ON_FAILURE, plan.ALWAYS]),
        hooks=st.booleans(),
    )
    def begin(
        self, inits: list[str], mains: int, grace: int, deadline: int, patience: int, policy: str, hooks: bool
    ) -> None:
        probe = plan.Probe(HOOK, failure_threshold=1)
        more = {"post_start": HOOK, "pre_stop": HOOK, "liveness": probe, "readiness": probe} if hooks else {}
        kinds: dict[str, Callable[[str], plan.Container]] = {
            "init": init,
            "sidecar": lambda name: sidecar(name, "", pre_stop=HOOK if hooks else None),
            "slow": lambda name: sidecar(name, "", startup=probe),
        }
        containers = [kinds[kind](f"i{n}") for n, kind in enumerate(inits)]
        containers += [container(f"m{n}", **more) for n in range(mains)]
        self.policy = policy
        self.life = lifecycle(
            pod(
                *containers,
                grace_seconds=grace,
                deadline_seconds=deadline,
                patience_seconds=patience,
                restart_policy=policy,
            )
        )
        self.take(self.life.begin(0.0))

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            assert not self.finished, "nothing follows the end"
            if isinstance(action, Prepare):
                assert action.name not in self.preparing | self.starting | self.running, "one at a time"
                self.preparing.add(action.name)
            elif isinstance(action, Start):
                assert action.name not in self.starting | self.running, "one run at a time"
                self.starting.add(action.name)
            elif isinstance(action, Signal):
                assert action.name in self.running or (
                    action.name in self.starting and action.signum == signal.SIGKILL
                ), "only what runs is signalled"
                self.starting.discard(action.name)
            elif isinstance(action, Attempt):
                assert action.name in self.running, "only what runs is probed"
                self.attempts.append(action)
            elif isinstance(action, Finish):
                self.finished = True

    @precondition(lambda self: self.preparing and not self.finished)
    @rule(data=st.data(), good=st.sampled_from([True, True, False]))
    def prepare_ends(self, data: st.DataObject, good: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.preparing)))
        self.preparing.remove(name)
        self.take(
            self.life.prepared(name, "id", self.now)
            if good
            else self.life.cannot_start(name, "ErrImagePull", "x", self.now)
        )

    @precondition(lambda self: self.starting and not self.finished)
    @rule(data=st.data())
    def command_runs(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.starting)))
        self.starting.remove(name)
        self.running.add(name)
        self.take(self.life.started(name, self.now))

    @precondition(lambda self: self.starting | self.running and not self.finished)
    @rule(data=st.data(), code=st.sampled_from([0, 0, 1, 137]))
    def container_ends(self, data: st.DataObject, code: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.starting | self.running)))
        self.starting.discard(name)
        self.running.discard(name)
        self.take(self.life.exited(name, Ending(code, None, "", ""), self.now))

    @precondition(lambda self: self.attempts and not self.finished)
    @rule(data=st.data(), good=st.sampled_from([True, True, False, None]))
    def attempt_ends(self, data: st.DataObject, good: bool | None) -> None:
        attempt = self.attempts.pop(data.draw(st.integers(0, len(self.attempts) - 1)))
        self.take(self.life.attempted(attempt.name, attempt.what, attempt.run, good, "", self.now))

    @precondition(lambda self: not self.finished)
    @rule()
    def told_to_stop(self) -> None:
        self.take(self.life.stop("Terminated", "x", self.now))

    @precondition(lambda self: not self.finished)
    @rule(seconds=st.sampled_from([0.1, 1, 5, 6, 30]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        before = {each.name for each in self.life.state.containers if each.state == RUNNING}
        for _ in range(2):  # what the first look decides may leave something to the second
            self.take(self.life.tick(self.now))
        given_up = before - {each.name for each in self.life.state.containers if each.state == RUNNING}
        self.running -= given_up  # what survives being killed is of no interest any more
        due = self.life.wake_at()
        assert due is None or due > self.now, "what was due was done, or else the loop would spin"

    @precondition(lambda self: self.finished)
    @rule()
    def nothing_more_happens(self) -> None:
        assert self.life.tick(self.now + 1000) == []

    @invariant()
    def counts_grow_and_ends_have_codes(self) -> None:
        for each in self.life.state.containers if hasattr(self, "life") else []:
            assert each.restart_count >= self.counts.get(each.name, 0)
            self.counts[each.name] = each.restart_count
            assert (each.exit_code is not None) == (each.state == TERMINATED), "no end without a code"
            assert (each.state == RUNNING) == (each.name in self.running)
            assert not (each.ready or each.started_up) or each.state == RUNNING
            assert each.last is None or each.restart_count or each.state != RUNNING

    @invariant()
    def mains_follow_inits_that_succeeded(self) -> None:
        if not hasattr(self, "life"):
            return
        states = self.life.state.containers
        if any(each.state == RUNNING for each in states if each.kind == plan.MAIN):
            assert all(each.exit_code == 0 for each in states if each.kind == plan.INIT)

    @invariant()
    def nothing_is_restarted_against_the_policy(self) -> None:
        if hasattr(self, "life") and self.policy == plan.NEVER:
            assert all(not each.restart_count for each in self.life.state.containers if each.kind != plan.SIDECAR)

    @invariant()
    def the_end_comes_when_nothing_runs(self) -> None:
        if hasattr(self, "life") and self.finished:
            assert self.life.state.phase == ENDED
            assert not [each for each in self.life.state.containers if each.state == RUNNING]
        elif hasattr(self, "life"):
            waits = self.preparing or self.starting or self.running or self.life.wake_at() is not None
            assert waits, "or else it would wait for ever"


TestAnyOrder = AnyOrder.TestCase


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=4))
def test_the_pod_ends_when_all_main_containers_ended(codes: list[int]) -> None:
    life = begun(pod(*(container(f"m{n}") for n in range(len(codes)))))
    ends = [life.exited(f"m{n}", Ending(code, None, "", ""), 1) for n, code in enumerate(codes)]
    assert [bool(each) for each in ends] == [False] * (len(codes) - 1) + [True]
