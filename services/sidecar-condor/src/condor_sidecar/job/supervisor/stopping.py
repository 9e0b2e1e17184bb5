"""The end of one run of a container: its preStop hook, its turn among the others, the signal that asks
it to end (SIGTERM, if the pod doesn't name another), SIGKILL. No I/O and no clock.

The order is a kubelet's: the hook runs at once, its time counts in the grace period; who has to wait for others to end waits then;
whatever the grace period is, a container has at least `LEAST` seconds between that signal and SIGKILL.
"""

import signal
from typing import List, Optional

from .actions import PRE_STOP, Action, Attempt, Signal
from .plan import Container

LEAST = 2.0  # minimumGracePeriodInSeconds
KILLS, KILL_AGAIN = 4, 5.0  # how often, and after how many seconds, a container is killed that doesn't go away


class Stopping:
    """One container on its way out. Every method returns the actions to take."""

    def __init__(self, container: Container, run: int, grace: float, its_turn: bool, now: float) -> None:
        self._name, self._run, self._signal = container.name, run, container.stop_signal
        self._until = now + grace
        self._hook_runs = container.pre_stop is not None and grace > 0
        self._its_turn = its_turn or grace <= 0
        self._kill_at: Optional[float] = None
        self._kills = 0

    @property
    def hopeless(self) -> bool:
        """It was killed a few times and is still there."""
        return self._kills > KILLS

    def begin(self, now: float) -> List[Action]:
        """Start with it."""
        if self._hook_runs:
            return [Attempt(self._name, PRE_STOP, self._run, self._until - now)]
        return self._ask(now)

    def hooked(self, now: float) -> List[Action]:
        """The hook is done, or failed."""
        self._hook_runs = False
        return self._ask(now)

    def take_turn(self, now: float) -> List[Action]:
        """Those who end before it have ended."""
        self._its_turn = True
        return self._ask(now)

    def hurry(self, grace: float, now: float) -> List[Action]:
        """There is less time than it was given."""
        self._until = min(self._until, now + grace)
        if self._kill_at is not None and not self._kills:
            self._kill_at = min(self._kill_at, max(self._until, now + LEAST))
        return self.tick(now)

    def wake_at(self) -> float:
        """When `tick` has something to do."""
        return self._until if self._kill_at is None else self._kill_at

    def tick(self, now: float) -> List[Action]:
        """Time has passed: what it waited for is waited for no longer, or it is killed."""
        if now < self.wake_at():
            return []
        if self._kill_at is None and (self._hook_runs or not self._its_turn):
            self._hook_runs, self._its_turn = False, True
            return self._ask(now)
        self._kills += 1
        self._kill_at = now + KILL_AGAIN
        return [] if self.hopeless else [Signal(self._name, signal.SIGKILL)]

    def _ask(self, now: float) -> List[Action]:
        if self._hook_runs or not self._its_turn or self._kill_at is not None:
            return []
        self._kill_at = max(self._until, now + LEAST)
        return [Signal(self._name, self._signal)]
