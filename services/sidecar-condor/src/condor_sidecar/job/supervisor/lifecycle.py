"""Decides what happens to the pod next. No I/O and no clock: events and the time come in, actions go out.

The rules are a kubelet's: init containers one after the other, each must succeed; then the main ones side by side; the pod ends
when all of them ended. Told to stop, it asks the running containers with SIGTERM and kills them after the grace period.
"""

import signal
from typing import List, NamedTuple, Optional, Union

from .plan import INIT, Pod
from .state import ENDED, ENDING, RUNNING, TERMINATED, WAITING, ContainerState, PodState, clipped

NOT_STARTED = 128  # exit code of a container whose command never ran
KILLS, KILL_AGAIN = 4, 5.0  # how often, and after how many seconds, a container is killed that doesn't go away


class Prepare(NamedTuple):
    """Get this container ready in the background."""

    name: str


class Start(NamedTuple):
    """Start this container, which is ready."""

    name: str


class Signal(NamedTuple):
    """Send this signal to this container."""

    name: str
    signum: int


class Finish(NamedTuple):
    """Nothing is left to do."""


Action = Union[Prepare, Start, Signal, Finish]


class Lifecycle:
    """The pod's state and what to do about it. Every method returns the actions to take, in order."""

    def __init__(self, pod: Pod, state: PodState, now: float) -> None:
        self.state = state
        self._grace = pod.grace_seconds
        self._began = now
        self._deadline: Optional[float] = now + pod.deadline_seconds
        self._deadline_message = pod.deadline_message
        self._kill_at: Optional[float] = None
        self._kills = 0
        self._inits = [container for container in state.containers if container.kind == INIT]
        self._mains = [container for container in state.containers if container.kind != INIT]
        self._asked: List[ContainerState] = []

    def begin(self) -> List[Action]:
        """The supervisor is up."""
        return self._advance()

    def wake_at(self) -> Optional[float]:
        """When `tick` has something to do."""
        return self._kill_at if self.state.phase == ENDING else self._deadline

    def tick(self, now: float) -> List[Action]:
        """Time has passed."""
        if self.state.phase == ENDING and self._kill_at is not None and now >= self._kill_at:
            return self._kill(now)
        if self.state.phase not in (ENDING, ENDED) and self._deadline is not None and now >= self._deadline:
            return self.stop("DeadlineExceeded", self._deadline_message, now)
        return []

    def change_deadline(self, deadline_seconds: int) -> None:
        """The pod is to be ended that long after the supervisor's start."""
        self._deadline = self._began + deadline_seconds

    def prepared(self, name: str, image_id: str) -> List[Action]:
        """`name` is ready to start."""
        container = self.state.container(name)
        container.image_id = image_id
        if self.state.phase == ENDING:
            return self._forget(container)
        return [Start(name)]

    def cannot_start(self, name: str, reason: str, message: str, now: float) -> List[Action]:
        """`name` will never run."""
        container = self.state.container(name)
        if self.state.phase == ENDING:
            return self._forget(container)
        return self._ended(container, NOT_STARTED, None, reason, message, now)

    def started(self, name: str, now: float) -> List[Action]:
        """`name` runs."""
        container = self.state.container(name)
        container.state, container.reason, container.started = RUNNING, "", now
        if container.kind != INIT and self.state.phase not in (ENDING, ENDED):
            self.state.phase = RUNNING
        return []

    def exited(
        self, name: str, code: int, signum: Optional[int], reason: str, message: str, now: float
    ) -> List[Action]:
        """`name` ended by itself or by a signal."""
        return self._ended(self.state.container(name), code, signum, reason, message, now)

    def stop(self, reason: str, message: str, now: float) -> List[Action]:
        """End the pod as a whole, for `reason`."""
        if self.state.phase in (ENDING, ENDED):
            return []
        self.state.phase, self.state.reason, self.state.message = ENDING, reason, message
        self._kill_at = now + self._grace
        running = self._running()
        waiting = [container for container in self._asked if container.state == WAITING]
        if not running and not waiting:
            return self._finish()
        return [Signal(container.name, signal.SIGTERM if self._grace else signal.SIGKILL) for container in running]

    def _kill(self, now: float) -> List[Action]:
        """The grace period is over. What survives being killed a few times is given up."""
        running = self._running()
        self._kills += 1
        if not running or self._kills > KILLS:
            for container in running:
                container.state = TERMINATED
                container.exit_code, container.signal = 128 + signal.SIGKILL, int(signal.SIGKILL)
                container.reason, container.message = "Error", "the container was killed, but did not go away"
            return self._finish()
        self._kill_at = now + KILL_AGAIN
        return [Signal(container.name, signal.SIGKILL) for container in running]

    def _running(self) -> List[ContainerState]:
        return [container for container in self.state.containers if container.state == RUNNING]

    def _forget(self, container: ContainerState) -> List[Action]:
        """It became ready, or failed to, when the pod was already ending: it never starts."""
        self._asked.remove(container)
        return self._finish() if self._all_quiet() else []

    def _all_quiet(self) -> bool:
        return not self._running() and all(container.state != WAITING for container in self._asked)

    def _ended(
        self, container: ContainerState, code: int, signum: Optional[int], reason: str, message: str, now: float
    ) -> List[Action]:
        container.state, container.finished = TERMINATED, now
        container.exit_code, container.signal = code, signum
        container.reason = reason or ("Completed" if code == 0 else "Error")
        container.message = clipped(message)
        if self.state.phase == ENDING:
            return self._finish() if self._all_quiet() else []
        return self._advance()

    def _advance(self) -> List[Action]:
        """The next containers to prepare, or the end."""
        for container in self._inits:
            if container.state != TERMINATED:
                return self._ask([container])
            if container.exit_code != 0:
                return self._finish()
        if all(container.state == TERMINATED for container in self._mains):
            return self._finish()
        return self._ask(self._mains)

    def _ask(self, containers: List[ContainerState]) -> List[Action]:
        new = [container for container in containers if container not in self._asked]
        for container in new:
            self._asked.append(container)
            container.reason = "ContainerCreating"
        return [Prepare(container.name) for container in new]

    def _finish(self) -> List[Action]:
        self.state.phase = ENDED
        return [Finish()]
