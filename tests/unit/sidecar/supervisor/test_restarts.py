"""What ended, or couldn't be made, is tried again as a kubelet does: decided without processes."""

import signal

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    Action,
    Finish,
    Prepare,
    Signal,
    Start,
)
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.state import TERMINATED, WAITING

from tests.unit.sidecar.supervisor.jobs import container, init, pod
from tests.unit.sidecar.supervisor.lives import BAD, GOOD, begun, events, lifecycle, up


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


def test_who_takes_too_much_memory_is_killed_and_comes_again() -> None:
    life = begun(pod(container("a"), restart_policy=plan.ON_FAILURE))
    assert life.out_of_memory("a") == [Signal("a", signal.SIGKILL)]
    assert life.exited("a", GOOD, 1) == [Prepare("a")]
    state = life.state.container("a")
    assert (state.exit_code, state.signal, state.reason) == (137, 9, "OOMKilled")
