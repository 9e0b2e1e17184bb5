"""Decides what happens to the pod next. No I/O and no clock: events and the time come in, actions go out.

The rules are a kubelet's: init containers one after the other, each must succeed, native sidecars among them must have started;
then the main ones side by side; the pod ends when all of those ended for good, and its sidecars are ended then, the last one first.
Ephemeral ones are started whenever they are added, whatever the others do; nobody waits for them, and they end with the pod.
Told to stop, it asks the running containers to end and kills them after the grace period.
"""

from typing import Dict, List, Optional

from .actions import Action, Finish
from .life import IDLE, OVER, PREPARING, READY, STARTING, UP, Ending, Life
from .plan import INIT, MAIN, OWN_DEADLINE, SIDECAR, Container, Pod
from .state import ENDED, ENDING, RUNNING, PodState
from .words import NORMAL, WARNING, not_shared

TOLD = {"DeadlineExceeded": NORMAL, "Evicted": WARNING}  # ends of a pod that a kubelet writes an event about


class Lifecycle:
    """The pod's state and what to do about it.

    Every method returns the actions to take, in order; `now` is on the monotonic clock.
    """

    def __init__(self, pod: Pod, state: PodState, now: float) -> None:
        self.state = state
        self._pod = pod
        self._grace = float(pod.grace_seconds)
        self._began = now
        self._deadline = now + pod.deadline_seconds
        self._deadline_message = pod.deadline_message
        self._end_by = 0.0
        self._planned = [Life(each, state.container(each.name), state, pod) for each in pod.containers]
        self._added: List[Life] = []
        self._by_name: Dict[str, Life] = {life.container.name: life for life in self._planned}
        self._first = [life for life in self._planned if life.container.kind in (INIT, SIDECAR)]
        self._mains = [life for life in self._planned if life.container.kind == MAIN]

    @property
    def _lives(self) -> List[Life]:
        return [*self._added, *self._planned]

    def begin(self, now: float) -> List[Action]:
        """The supervisor is up."""
        return self._advance(now)

    def wake_at(self) -> Optional[float]:
        """When `tick` has something to do."""
        if self.state.phase == ENDED:
            return None
        times = [life.wake_at() for life in self._lives]
        if self.state.phase != ENDING:
            times.append(self._deadline)
        elif any(life.step in (PREPARING, STARTING) for life in self._lives):
            times.append(self._end_by)
        return min((at for at in times if at is not None), default=None)

    def tick(self, now: float) -> List[Action]:
        """Time has passed."""
        if self.state.phase == ENDED:
            return []
        if self.state.phase != ENDING and now >= self._deadline:
            return self.stop("DeadlineExceeded", self._deadline_message, now)
        actions: List[Action] = []
        if self.state.phase == ENDING and now >= self._end_by:
            for life in self._lives:
                actions += life.abandon(now)
        for life in self._lives:
            at = life.wake_at()
            if at is not None and at <= now:
                actions += life.tick(now)
        return actions + self._advance(now)

    def change_deadline(self, deadline_seconds: int) -> None:
        """The pod is to be ended that long after the supervisor's start: earlier than planned only where it asks for that."""
        if self._began + deadline_seconds < self._deadline:
            self._deadline_message = OWN_DEADLINE
        self._deadline = self._began + deadline_seconds

    def add(self, container: Container, now: float) -> List[Action]:
        """An ephemeral container was added to the pod, which isn't ending."""
        life = Life(container, self.state.add(container), self.state, self._pod)
        self._added.append(life)
        self._by_name[container.name] = life
        if container.target:
            words = not_shared(container.name, container.target)
            self.state.event(WARNING, "TargetNotShared", words, container.name, self.state.wall(now))
        return self._advance(now)

    def prepared(self, name: str, image_id: str, now: float) -> List[Action]:
        """`name` is ready to start."""
        self._by_name[name].prepared(image_id, now)
        return self._advance(now)

    def cannot_start(self, name: str, reason: str, message: str, now: float) -> List[Action]:
        """`name` couldn't be made ready."""
        life = self._by_name[name]
        life.cannot_start(reason, message, now)
        if life.impossible:
            return self.stop(reason, message, now)
        return self._advance(now)

    def started(self, name: str, now: float) -> List[Action]:
        """The command of `name` runs."""
        life = self._by_name[name]
        if life.step != STARTING:
            return []  # known already, or not waited for any longer
        actions = life.started(now)
        if self.state.phase == ENDING:
            return life.stop(max(0.0, self._end_by - now), self._has_turn(life), now)
        if life.container.kind == MAIN:
            self.state.phase = RUNNING
        return actions + self._advance(now)

    def attempted(self, name: str, what: str, run: int, good: Optional[bool], message: str, now: float) -> List[Action]:
        """A probe or a hook of `name` ended."""
        return self._by_name[name].attempted(what, run, good, message, now) + self._advance(now)

    def exited(self, name: str, ending: Ending, now: float) -> List[Action]:
        """`name` ended by itself or by a signal."""
        return self._by_name[name].exited(ending, now) + self._advance(now)

    def out_of_memory(self, name: str) -> List[Action]:
        """`name` uses more memory than it may."""
        return self._by_name[name].out_of_memory()

    def stop(self, reason: str, message: str, now: float, grace: Optional[float] = None) -> List[Action]:
        """End the pod as a whole, for `reason`, within `grace` seconds if they are given instead of its grace period.

        One that ends already does so for the reason that it has, only sooner: without `grace` it has its own from now on, after
        which the batch system kills the job.
        """
        if self.state.phase == ENDED:
            return []
        if self.state.phase == ENDING:
            return self._hurry(self._grace if grace is None else grace, now)
        self.state.reason, self.state.message = reason, message
        if reason in TOLD:
            self.state.event(TOLD[reason], reason, message, "", self.state.wall(now))
        return self._wind_down(now, grace)

    def _hurry(self, grace: float, now: float) -> List[Action]:
        self._end_by = min(self._end_by, now + grace)
        actions: List[Action] = []
        for life in self._lives:
            actions += life.stop(grace, self._has_turn(life), now)
        return actions

    def _advance(self, now: float) -> List[Action]:
        """What can be done next."""
        if self.state.phase == ENDED:
            return []
        if self.state.phase == ENDING:
            return self._end_others(now)
        reached: List[Life] = []
        for life in self._first:
            if life.failed:
                return self._wind_down(now)
            reached.append(life)
            if not life.passed:
                return self._begin([*self._added, *reached])
        if all(life.step == OVER for life in self._mains):
            return self._wind_down(now)
        return self._begin(self._lives)

    def _begin(self, lives: List[Life]) -> List[Action]:
        """Prepare those whose time has come, start those that are ready, in the pod's order."""
        actions: List[Action] = []
        held_up = False
        for life in lives:
            if life.step == IDLE:
                actions += life.prepare()
            elif life.step == READY and not held_up:
                actions += life.start()
            held_up = held_up or (life.container.kind == MAIN and life.holds_up_others)
        return actions

    def _wind_down(self, now: float, grace: Optional[float] = None) -> List[Action]:
        """Nothing is started any more, and what runs is to end, within the pod's grace period or `grace`.

        The job ends a grace period after its deadline, whatever a delete says.
        """
        longest = max(self._grace, self._deadline + self._grace - now)
        grace = self._grace if grace is None else min(grace, longest)
        self.state.phase, self._end_by = ENDING, now + grace
        turns = [self._has_turn(life) for life in self._lives]
        actions: List[Action] = []
        for life, turn in zip(self._lives, turns):
            actions += life.stop(grace, turn, now)
        return actions + self._end_others(now)

    def _has_turn(self, life: Life) -> bool:
        """Whether nobody runs who has to end before `life`: a sidecar ends after all but the sidecars before it."""
        if life.container.kind != SIDECAR:
            return True
        later = self._first[self._first.index(life) + 1 :]
        others = [other for other in self._planned if other.container.kind != SIDECAR or other in later]
        return not any(other.step in (STARTING, UP) for other in others)

    def _end_others(self, now: float) -> List[Action]:
        """Those whose turn to end has come, or the end of the pod."""
        if not any(life.busy for life in self._lives):
            self.state.phase = ENDED
            return [Finish()]
        actions: List[Action] = []
        for life in self._lives:
            if life.container.kind == SIDECAR and self._has_turn(life):
                actions += life.take_turn(now)
        return actions
