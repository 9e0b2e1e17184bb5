"""Decides what happens to one container next, from its first preparation to its last end. No I/O and no clock.

The rules are a kubelet's: what can't be made is tried again, what ended is started again as the pod's restart policy says, each
time after a longer pause.
"""

import signal
from typing import List, NamedTuple, Optional

from .actions import Action, Prepare, Signal, Start
from .backoff import BackOff
from .patience import PULL_PAUSED, Patience
from .plan import ALWAYS, EPHEMERAL, INIT, NEVER, SIDECAR, Container, Pod
from .run import Run
from .state import WAITING, ContainerState, PodState
from .words import NORMAL, WARNING, crash_loop, pull_pause, restarting

NOT_STARTED = 128  # exit code of a container whose command never ran
START_ERROR = "StartError"  # its reason then
NEVER_PULLED = "ErrImageNeverPull"
FOR_EVER = float("inf")

# where a container is
IDLE = "idle"  # its time has not come
PREPARING = "preparing"
READY = "ready"  # prepared, and waits for others to start before it
STARTING = "starting"
UP = "up"
PAUSED = "paused"  # waits for another try
OVER = "over"


class Ending(NamedTuple):
    """How a container ended."""

    exit_code: int
    signal: Optional[int]
    reason: str
    message: str


KILLED = Ending(128 + signal.SIGKILL, int(signal.SIGKILL), "Error", "")
GIVEN_UP = KILLED._replace(message="the container was killed, but did not go away")


class Life:
    """One container. Every method returns the actions to take, in order; `now` is on the monotonic clock."""

    def __init__(self, container: Container, state: ContainerState, of: PodState, pod: Pod) -> None:
        self.container, self.state = container, state
        self._pod, self._pod_state = pod, of
        self._policy = {SIDECAR: ALWAYS, EPHEMERAL: NEVER}.get(container.kind, pod.restart_policy)
        self.step = IDLE
        self.passed = False  # those after it may begin: an init container that ended well, a sidecar that has started
        self.impossible = False  # it couldn't be made for as long as the plan allows
        self._leaving = False
        self._run: Optional[Run] = None
        self._crashes = BackOff(free=1)
        # the others run meanwhile: no slot is occupied for the sake of an ephemeral one
        self._patience = Patience(FOR_EVER if container.kind == EPHEMERAL else pod.patience_seconds)

    @property
    def busy(self) -> bool:
        """Something of it is under way whose end will be told."""
        return self.step in (PREPARING, STARTING, UP)

    @property
    def failed(self) -> bool:
        """It is an init container that ended for good, and badly."""
        return self.container.kind == INIT and self.step == OVER and self.state.exit_code != 0

    @property
    def holds_up_others(self) -> bool:
        """Those after it can't start before its postStart hook is done."""
        hook_runs = self._run is not None and self._run.hook_runs
        return self.container.post_start is not None and (self.step in (PREPARING, READY, STARTING) or hook_runs)

    def prepare(self) -> List[Action]:
        """Its time has come."""
        self.step = PREPARING
        if self.state.state == WAITING and self.state.reason == "PodInitializing":
            self.state.reason = "ContainerCreating"
        return [Prepare(self.container.name)]

    def prepared(self, image_id: str, now: float) -> None:
        """It is ready to start."""
        self.state.image_id = image_id
        self._patience.succeeded()
        if self._leaving:
            self._settle()
            return
        self.step = READY
        self._tell(NORMAL, "Created", "Created container: " + self.container.name, now)

    def start(self) -> List[Action]:
        """Its turn to start has come."""
        self.step = STARTING
        self.state.begin()
        return [Start(self.container.name)]

    def cannot_start(self, reason: str, message: str, now: float) -> None:
        """It couldn't be made ready: it is tried again, if there is time."""
        if self._leaving:
            self._settle()
            return
        self._tell(WARNING, NEVER_PULLED if reason == NEVER_PULLED else "Failed", message, now)
        self._tell(WARNING, "Failed", "Error: " + reason, now)
        self.state.wait(reason, message)
        if self._patience.failed(reason, now):
            self.step = PAUSED
        else:
            self.impossible = True
            self._end(Ending(NOT_STARTED, None, reason, message), now)

    def started(self, now: float) -> List[Action]:
        """It runs."""
        self.step = UP
        self.state.run(self._pod_state.wall(now))
        self._crashes.resumed(now)
        self._run = Run(self.container, self.state, self._policy, self._pod.grace_seconds, self._tell)
        self._tell(NORMAL, "Started", "Started container " + self.container.name, now)
        actions = self._run.begin(now)
        self._note_progress()
        return actions

    def attempted(self, what: str, run: int, good: Optional[bool], message: str, now: float) -> List[Action]:
        """A probe or a hook ended that was tried in its run number `run`; `good` is None where nothing can be said."""
        if self._run is None:
            return []
        actions = self._run.attempted(what, run, good, message, now)
        self._note_progress()
        return actions

    def out_of_memory(self) -> List[Action]:
        """It uses more memory than it may."""
        return self._run.kill_for_memory() if self._run is not None else []

    def exited(self, ending: Ending, now: float) -> List[Action]:
        """It ended by itself or by a signal."""
        if self.step == OVER:
            return []  # it was not waited for any longer
        if self.step == STARTING:
            self._tell(WARNING, "Failed", "Error: " + ending.message, now)
        run, self._run = self._run, None
        if run is not None and run.out_of_memory:
            ending = KILLED._replace(reason="OOMKilled", message=ending.message)
        self._end(ending, now)
        blamed = run is not None and (run.ended_by_us or run.out_of_memory)
        if self._leaving or not self._comes_again(ending.exit_code != 0 or blamed):
            self.passed = self.passed or (self.container.kind == INIT and ending.exit_code == 0)
            return []
        pause = self._crashes.failed(now)
        if not pause:
            return self.prepare()
        self._tell(WARNING, "BackOff", restarting(self.container.name, self._pod), now)
        self.state.wait("CrashLoopBackOff", crash_loop(pause, self.container.name, self._pod))
        self._patience.wait_until(now + pause)
        self.step = PAUSED
        return []

    def stop(self, grace: float, its_turn: bool, now: float) -> List[Action]:
        """The pod ends: it is asked to end if it runs, and isn't started again."""
        self._leaving = True
        if self._run is not None:
            return self._run.stop(grace, its_turn, "Stopping container " + self.container.name, now)
        if self.step not in (PREPARING, STARTING):
            self._settle()
        return []

    def abandon(self, now: float) -> List[Action]:
        """It isn't waited for any longer if it doesn't run yet."""
        if self.step == STARTING:
            self._end(KILLED, now)
            return [Signal(self.container.name, signal.SIGKILL)]
        if self.step == PREPARING:
            self._settle()
        return []

    def take_turn(self, now: float) -> List[Action]:
        """All that have to end before it have ended."""
        return self._run.take_turn(now) if self._run is not None else []

    def wake_at(self) -> Optional[float]:
        """When `tick` has something to do."""
        if self.step == PAUSED:
            return self._patience.wake_at()
        return self._run.wake_at() if self._run is not None else None

    def tick(self, now: float) -> List[Action]:
        """Time has passed."""
        if self.step == PAUSED:
            return self._wait_on(now)
        if self._run is None:
            return []
        actions = self._run.tick(now)
        if self._run.hopeless:
            self._run, self._leaving = None, True
            self._end(GIVEN_UP, now)
        return actions

    def _wait_on(self, now: float) -> List[Action]:
        if self._patience.is_over(now):
            return self.prepare()
        if self._patience.shows_pause(now):
            image = self.container.image.name
            self.state.wait(PULL_PAUSED, pull_pause(image, self.state.message))
            self._tell(NORMAL, "BackOff", 'Back-off pulling image "%s"' % image, now)
            self._tell(WARNING, "Failed", "Error: " + PULL_PAUSED, now)
        return []

    def _comes_again(self, failed: bool) -> bool:
        if self._policy == NEVER:
            return False
        return failed or (self._policy == ALWAYS and self.container.kind != INIT)

    def _note_progress(self) -> None:
        if self.container.kind == SIDECAR and self.state.started_up:
            self.passed = True

    def _end(self, ending: Ending, now: float) -> None:
        self.step = OVER
        code, signum, reason, message = ending
        self.state.finish(code, signum, reason, message, self._pod_state.wall(now))

    def _settle(self) -> None:
        self.step = OVER
        self.state.settle()

    def _tell(self, kind: str, reason: str, message: str, now: float) -> None:
        self._pod_state.event(kind, reason, message, self.container.name, self._pod_state.wall(now))
