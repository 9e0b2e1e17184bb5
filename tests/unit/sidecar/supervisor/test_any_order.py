"""Properties of a pod's life that hold whatever happens in whatever order."""

import signal
from collections.abc import Callable

from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import (
    Action,
    Attempt,
    Finish,
    Prepare,
    Signal,
    Start,
)
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.state import ENDED, ENDING, RUNNING, TERMINATED
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.sidecar.supervisor.jobs import container, init, pod, sidecar
from tests.unit.sidecar.supervisor.lives import HOOK, begun, lifecycle


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
        self.policy = ""

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

    @precondition(lambda self: self.life.state.phase not in (ENDING, ENDED))
    @rule()
    def somebody_debugs(self) -> None:
        name = f"d{len(self.life.state.containers)}"
        self.take(self.life.add(container(name, kind=plan.EPHEMERAL), self.now))
        assert name in self.preparing, "whatever the others do"

    @precondition(lambda self: not self.finished)
    @rule()
    def told_to_stop(self) -> None:
        self.take(self.life.stop("Terminated", "x", self.now))

    @precondition(lambda self: not self.finished)
    @rule(grace=st.sampled_from([0, 1, 60]))
    def evicted(self, grace: int) -> None:
        self.take(self.life.stop("Evicted", "x", self.now, grace))

    @precondition(lambda self: not self.finished)
    @rule(seconds=st.sampled_from([0, 10, 10_000]))
    def the_deadline_changes(self, seconds: int) -> None:
        self.life.change_deadline(seconds)

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
        again = {plan.SIDECAR, plan.INIT, plan.MAIN} if self.policy != plan.NEVER else {plan.SIDECAR}
        for each in self.life.state.containers if hasattr(self, "life") else []:
            assert not each.restart_count or each.kind in again

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
