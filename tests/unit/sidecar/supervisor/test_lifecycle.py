"""What the supervisor decides, without processes: properties that hold whatever happens in whatever order."""

import signal

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.lifecycle import Action, Finish, Lifecycle, Prepare, Signal, Start
from condor_sidecar.job.supervisor.state import ENDED, RUNNING, TERMINATED, WAITING, PodState
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.sidecar.supervisor.jobs import container, init, pod


def lifecycle(of: plan.Pod) -> Lifecycle:
    return Lifecycle(of, PodState(of, "host", ""), now=0.0)


def test_init_containers_are_prepared_one_at_a_time() -> None:
    life = lifecycle(pod(init("i"), init("j"), container("m")))
    assert life.begin() == [Prepare("i")]
    assert life.prepared("i", "id") == [Start("i")]
    assert life.started("i", 1) == []
    assert life.exited("i", 0, None, "", "", 2) == [Prepare("j")]


def test_main_containers_are_prepared_together() -> None:
    assert lifecycle(pod(container("a"), container("b"))).begin() == [Prepare("a"), Prepare("b")]


def test_an_init_container_that_can_t_start_ends_the_pod() -> None:
    life = lifecycle(pod(init("i"), container("m")))
    life.begin()
    assert life.cannot_start("i", "ErrImagePull", "no", 1) == [Finish()]
    assert (life.state.phase, life.state.container("m").state) == (ENDED, WAITING)


def test_one_main_container_that_can_t_start_leaves_the_others_running() -> None:
    life = lifecycle(pod(container("a"), container("b")))
    life.begin()
    life.prepared("a", "id")
    life.started("a", 1)
    assert life.cannot_start("b", "ErrImagePull", "no", 1) == []
    assert life.exited("a", 0, None, "", "", 2) == [Finish()]


@pytest.mark.parametrize(("grace", "first"), [(30, signal.SIGTERM), (0, signal.SIGKILL)])
def test_stopping_asks_first_unless_there_is_no_grace(grace: int, first: int) -> None:
    life = lifecycle(pod(container("a"), grace_seconds=grace))
    life.begin()
    life.started("a", 0)
    assert life.stop("Terminated", "", 10) == [Signal("a", first)]
    assert life.wake_at() == 10 + grace
    assert life.tick(10 + grace) == [Signal("a", signal.SIGKILL)]


def test_a_container_that_no_kill_ends_is_given_up() -> None:
    life = lifecycle(pod(container("a"), grace_seconds=1))
    life.begin()
    life.started("a", 0)
    life.stop("Terminated", "", 0)
    now, actions = 1.0, list[Action]()
    while Finish() not in actions:
        actions = life.tick(now)
        now += 5
    assert now < 40
    assert life.state.container("a").exit_code == 137


class AnyOrder(RuleBasedStateMachine):
    """Events in any order that the world allows."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.finished = False
        self.preparing: set[str] = set()
        self.running: set[str] = set()
        self.seen: dict[str, str] = {}

    @initialize(
        inits=st.integers(0, 3),
        mains=st.integers(1, 3),
        grace=st.sampled_from([0, 5]),
        deadline=st.sampled_from([7, 1000]),
    )
    def begin(self, inits: int, mains: int, grace: int, deadline: int) -> None:
        containers = [init(f"i{n}") for n in range(inits)] + [container(f"m{n}") for n in range(mains)]
        self.life = lifecycle(pod(*containers, grace_seconds=grace, deadline_seconds=deadline))
        self.take(self.life.begin())

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            assert not self.finished, "nothing follows the end"
            if isinstance(action, Prepare):
                assert action.name not in self.seen, "a container is prepared once"
                self.preparing.add(action.name)
            elif isinstance(action, Start):
                self.running.add(action.name)
                self.take(self.life.started(action.name, self.now))
            elif isinstance(action, Signal):
                assert action.name in self.running, "only what runs is signalled"
            elif isinstance(action, Finish):
                self.finished = True

    @precondition(lambda self: self.preparing and not self.finished)
    @rule(data=st.data(), good=st.booleans())
    def prepare_ends(self, data: st.DataObject, good: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.preparing)))
        self.preparing.remove(name)
        self.take(
            self.life.prepared(name, "id") if good else self.life.cannot_start(name, "ErrImagePull", "x", self.now)
        )

    @precondition(lambda self: self.running and not self.finished)
    @rule(data=st.data(), code=st.sampled_from([0, 0, 1, 137]))
    def container_ends(self, data: st.DataObject, code: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(name)
        self.take(self.life.exited(name, code, None, "", "", self.now))

    @precondition(lambda self: not self.finished)
    @rule()
    def told_to_stop(self) -> None:
        self.take(self.life.stop("Terminated", "x", self.now))

    @precondition(lambda self: not self.finished)
    @rule(seconds=st.floats(0.1, 6))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.life.tick(self.now))
        if self.finished:
            self.running.clear()

    @precondition(lambda self: self.finished)
    @rule()
    def nothing_more_happens(self) -> None:
        assert self.life.tick(self.now + 1000) == []

    @invariant()
    def what_happened_stays(self) -> None:
        for each in self.life.state.containers if hasattr(self, "life") else []:
            order = [WAITING, RUNNING, TERMINATED]
            assert order.index(each.state) >= order.index(self.seen.get(each.name, WAITING)), "no way back"
            assert (each.exit_code is not None) == (each.state == TERMINATED), "no end without a code"
            if each.state != WAITING:
                self.seen[each.name] = each.state

    @invariant()
    def mains_follow_inits_that_succeeded(self) -> None:
        if not hasattr(self, "life"):
            return
        states = self.life.state.containers
        if any(each.started is not None for each in states if each.kind == plan.MAIN):
            assert all(each.exit_code == 0 for each in states if each.kind == plan.INIT)

    @invariant()
    def the_end_comes_when_nothing_runs(self) -> None:
        if hasattr(self, "life") and self.finished:
            assert self.life.state.phase == ENDED
            assert not [each for each in self.life.state.containers if each.state == RUNNING]
        elif hasattr(self, "life"):
            assert self.preparing or self.running, "or else it would wait for ever"


TestAnyOrder = AnyOrder.TestCase


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=4))
def test_the_pod_ends_when_all_main_containers_ended(codes: list[int]) -> None:
    life = lifecycle(pod(*(container(f"m{n}") for n in range(len(codes)))))
    life.begin()
    for n in range(len(codes)):
        life.prepared(f"m{n}", "id")
        life.started(f"m{n}", 0)
    ends = [life.exited(f"m{n}", code, None, "", "", 1) for n, code in enumerate(codes)]
    assert [bool(each) for each in ends] == [False] * (len(codes) - 1) + [True]
