"""Decides what happens to one run of a container: its postStart hook, its probes, its end. No I/O and no clock.

The rules are a kubelet's: probes begin when the hook is done; a hook that fails, or a liveness or startup probe, ends the run; from
then on only readiness is probed.
"""

import signal
from typing import Callable, List, Optional

from .actions import POST_START, PRE_STOP, READINESS, Action, Attempt, Signal
from .plan import NEVER, Container
from .state import ContainerState
from .stopping import Stopping
from .thresholds import Probes
from .words import NORMAL, WARNING, probe_failed

LONGEST_HOOK = 24 * 3600.0  # seconds: a kubelet waits for a postStart hook as long as it takes
HOOK_NAMES = {PRE_STOP: "PreStopHook", POST_START: "PostStartHook"}
TOLD = {PRE_STOP: "FailedPreStopHook", POST_START: "FailedPostStartHook"}

Tell = Callable[[str, str, str, float], None]


class Run:
    """One run. Every method returns the actions to take, in order; `now` is on the monotonic clock."""

    def __init__(self, container: Container, state: ContainerState, policy: str, grace: int, tell: Tell) -> None:
        self._container, self._state, self._policy, self._grace, self._tell = container, state, policy, grace, tell
        self._number = state.restart_count
        self._began = 0.0
        self._probes: Optional[Probes] = None
        self._stopping: Optional[Stopping] = None
        self.hook_runs = False
        self.ended_by_us = False  # for its own fault: whatever its exit code is then, it failed
        self.out_of_memory = False

    @property
    def hopeless(self) -> bool:
        """It was killed a few times and is still there."""
        return self._stopping is not None and self._stopping.hopeless

    def begin(self, now: float) -> List[Action]:
        """The container was started."""
        self._began = now
        if self._container.post_start is None:
            return self._begin_probes(now)
        self.hook_runs = True
        return [Attempt(self._container.name, POST_START, self._number, LONGEST_HOOK)]

    def attempted(self, what: str, run: int, good: Optional[bool], message: str, now: float) -> List[Action]:
        """A probe or a hook ended that was tried in run `run`; `good` is None where nothing can be said."""
        if run != self._number:
            return []
        if what in TOLD:
            if not good:
                self._tell(WARNING, TOLD[what], "%s failed: %s" % (HOOK_NAMES[what], message), now)
            return self._after_start(bool(good), now) if what == POST_START else self._before_end(now)
        if self._probes is None or (self._stopping is not None and what != READINESS):
            return []
        if not good:
            self._tell(WARNING, "Unhealthy", probe_failed(what, good, message), now)
        elif message:
            self._tell(WARNING, "ProbeWarning", "%s probe warning: %s" % (what.capitalize(), message), now)
        self._probes.answer(what, good, now)
        return self._judge(now)

    def kill_for_memory(self) -> List[Action]:
        """It uses more memory than it may."""
        self.out_of_memory = True
        return [Signal(self._container.name, signal.SIGKILL)]

    def stop(self, grace: float, its_turn: bool, words: str, now: float) -> List[Action]:
        """Ask it to end, or let it have ended sooner than it was asked."""
        if self._stopping is not None:
            return self._stopping.hurry(grace, now)
        self._tell(NORMAL, "Killing", words, now)
        self._stopping = Stopping(self._container, self._number, grace, its_turn, now)
        if self._probes is not None:
            self._probes.end()
        return self._stopping.begin(now)

    def take_turn(self, now: float) -> List[Action]:
        """All that have to end before it have ended."""
        return self._stopping.take_turn(now) if self._stopping is not None else []

    def wake_at(self) -> Optional[float]:
        """When `tick` has something to do."""
        probed_at = self._probes.wake_at() if self._probes is not None else None
        if self._stopping is None:
            return probed_at
        return self._stopping.wake_at() if probed_at is None else min(probed_at, self._stopping.wake_at())

    def tick(self, now: float) -> List[Action]:
        """Time has passed."""
        actions: List[Action] = []
        if self._probes is not None:
            for what in self._probes.take_due(now):
                seconds = float(self._probes.probe(what).timeout)
                actions.append(Attempt(self._container.name, what, self._number, seconds))
        return actions + (self._stopping.tick(now) if self._stopping is not None else [])

    def _after_start(self, good: bool, now: float) -> List[Action]:
        self.hook_runs = False
        if self._stopping is not None:
            return []
        if good:
            return self._begin_probes(now)
        return self._fail(TOLD[POST_START], self._grace, now)

    def _before_end(self, now: float) -> List[Action]:
        return self._stopping.hooked(now) if self._stopping is not None else []

    def _begin_probes(self, now: float) -> List[Action]:
        self._probes = Probes(self._container, self._began)
        return self._judge(now)

    def _judge(self, now: float) -> List[Action]:
        """What the probes mean for the container."""
        assert self._probes is not None
        standing = self._probes.standing()
        self._state.started_up, self._state.ready = standing.started_up, standing.ready
        if not standing.failed or self._stopping is not None:
            return []
        own = self._probes.probe(standing.failed).grace_seconds
        again = "" if self._policy == NEVER else ", will be restarted"
        words = "Container %s failed %s probe%s" % (self._container.name, standing.failed, again)
        return self._fail(words, self._grace if own is None else own, now)

    def _fail(self, words: str, grace: int, now: float) -> List[Action]:
        self.ended_by_us = True
        return self.stop(float(grace), True, words, now)
