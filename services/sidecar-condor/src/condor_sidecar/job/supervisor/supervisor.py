"""The loop: waits for what happens, lets the life cycle decide, acts."""

import errno
import os
import signal
import socket
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import additions, apptainer, attach, channel_logs, sessions, words, worker_node
from .actions import PROBES, Action, Attempt, Finish, Prepare, Signal, Start
from .attempts import Attempts
from .channel import Channel
from .channel_streams import Opener
from .complaints import trace
from .containers import Containers
from .exec_attempt import Commands
from .images import Images
from .life import NOT_STARTED, START_ERROR, Ending
from .lifecycle import Lifecycle
from .mailbox import (
    Attempted,
    Began,
    Exited,
    Mailbox,
    MemoryFull,
    Prepared,
    PrepareFailed,
    Signalled,
    StorageFull,
    Told,
    UpdateAsked,
)
from .plan import EPHEMERAL, SIDECAR, Container, Pod
from .plan import Action as Deed
from .prepare import CannotStart, Launch, Machine, prepare
from .processes import Processes, outcome
from .report import Reporter
from .sandbox import Sandbox
from .state import ENDED, ENDING, TOLD_TO_STOP, PodState
from .update import BadUpdate, deadline, write_volumes
from .usage import UsageReader
from .watch import Watch

LONGEST_PULL = 24 * 3600.0  # seconds; the pod's own deadline comes first
EVICTION_GRACE = 1.0  # seconds for a pod that takes more than it may, a kubelet's number
LEAVING = 5.0  # seconds to wait for killed processes to go
LAST_WORDS = 5.0  # seconds to wait for the sidecar to take the last record and the logs
FULL = (errno.ENOSPC, errno.EDQUOT)


class Supervisor:
    """One pod's run."""

    def __init__(self, sandbox: Sandbox, pod: Pod, program: str, environment: Dict[str, str]) -> None:
        self._pod, self._sandbox = pod, sandbox
        self._mailbox = Mailbox()
        self._processes = Processes()
        self._ending, self._over = threading.Event(), threading.Event()  # nothing is pulled, or looked after, any more
        self._by_name = {container.name: container for container in pod.containers}
        self._state = PodState(pod, socket.gethostname(), worker_node.address(), time.time() - time.monotonic())
        self._lifecycle = Lifecycle(pod, self._state, time.monotonic())
        self._reporter = Reporter(sandbox, self._state, pod.streamed_log_bytes)
        self._runtime_env = apptainer.environment(sandbox.runtime, environment)
        self._machine = Machine(program, os.uname().machine, self._state.address, worker_node.hosts(), environment)
        self._images = Images(program, sandbox.images, self._run_and_wait)
        self._containers = Containers(
            self._processes,
            self._mailbox,
            self._runtime_env,
            sandbox.logs,
            pod.kept_log_bytes,
            self._reporter.stream.line,
            self._reporter.stream.restarted,
        )
        self._channel = self._make_channel()
        self._reporter.channel = self._channel
        commands = Commands(self._containers.inside, self._processes)
        self._attempts = Attempts(self._mailbox, commands.run, self._state.address)
        self._launches: Dict[str, Launch] = {}
        self._watch = Watch(pod, sandbox, self._containers, self._mailbox, self._over)
        self._finished = False
        self._meanings: Dict[type, Callable[[Any, float], List[Action]]] = {
            Prepared: self._prepared,
            PrepareFailed: lambda event, now: self._lifecycle.cannot_start(
                event.name, event.reason, event.message, now
            ),
            Began: self._began,
            Exited: self._exited,
            Attempted: self._attempted,
            MemoryFull: self._memory_full,
            StorageFull: lambda event, now: self._lifecycle.stop("Evicted", event.message, now, EVICTION_GRACE),
            Signalled: self._signalled,
            Told: self._told,
            UpdateAsked: self._update,
        }

    def run(self) -> int:
        """Run the pod to its end; the job's exit code: the highest of the containers'."""
        try:
            self._begin()
            self._loop()
        except Exception as error:
            trace()
            self._state.give_up("SupervisorError", "%s: %s" % (type(error).__name__, error), time.time())
            self._reporter.publish()
        try:
            self._leave()
        except Exception:  # what is known of the pod was published; nothing else may be said of it any more
            trace()
        counted = [each for each in self._state.containers if each.kind not in (SIDECAR, EPHEMERAL)]
        codes = [each.exit_code for each in counted if each.exit_code is not None]
        return min(max(codes, default=1), 255)

    def _begin(self) -> None:
        self._mailbox.watch_signals()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(signum, lambda number, _: self._mailbox.put(Signalled(number)))
        signal.signal(signal.SIGCHLD, lambda number, _: None)  # that it came is enough to wake up and reap
        self._watch.start()
        if self._channel is not None:
            self._channel.start()

    def _leave(self) -> None:
        """End what is left, and bring out the last word."""
        self._ending.set()
        self._over.set()
        self._processes.end_all(LEAVING)
        logs, previous = self._containers.logs, self._containers.previous
        if self._reporter.save(logs, previous) is not None:
            self._sandbox.make_room()
            self._reporter.save(logs, previous)
        if self._channel is not None:
            self._channel.finish(LAST_WORDS)
        self._reporter.close()

    def _loop(self) -> None:
        self._act(self._lifecycle.begin(time.monotonic()))
        while not self._finished:
            wake_at = self._lifecycle.wake_at()
            events = self._mailbox.take(None if wake_at is None else wake_at - time.monotonic())
            self._processes.reap()
            for event in events:
                self._act(self._handle(event))
            self._act(self._lifecycle.tick(time.monotonic()))

    def _handle(self, event: Any) -> List[Action]:
        """What an event means for the pod."""
        return self._meanings[type(event)](event, time.monotonic())

    def _prepared(self, event: Prepared, now: float) -> List[Action]:
        self._launches[event.name] = event.launch
        return self._lifecycle.prepared(event.name, event.launch.image_id, now)

    def _began(self, event: Began, now: float) -> List[Action]:
        running = self._containers.find(event.name)
        same = running is not None and running.run == event.run
        return self._lifecycle.started(event.name, now) if same else []

    def _exited(self, event: Exited, now: float) -> List[Action]:
        ending = self._containers.ended(event.name, event.status)
        if ending.reason != START_ERROR:  # it began, even if that was not told yet
            self._act(self._lifecycle.started(event.name, now))
        return self._lifecycle.exited(event.name, ending, now)

    def _attempted(self, event: Attempted, now: float) -> List[Action]:
        name, what, run, good, message = event
        return self._lifecycle.attempted(name, what, run, good, message, now)

    def _memory_full(self, event: MemoryFull, _: float) -> List[Action]:
        running = self._containers.find(event.name)
        same = running is not None and running.run == event.run
        return self._lifecycle.out_of_memory(event.name) if same else []

    def _signalled(self, event: Signalled, now: float) -> List[Action]:
        name = signal.Signals(event.signum).name
        return self._lifecycle.stop(TOLD_TO_STOP, "the batch system told the job to stop (%s)" % name, now)

    def _told(self, event: Told, _: float) -> List[Action]:
        self._state.event(*event, now=time.time())
        return []

    def _make_channel(self) -> Optional[Channel]:
        if self._pod.channel is None:
            return None
        usage, containers = UsageReader(), self._containers
        openers: Dict[str, Opener] = {
            "log": channel_logs.opener(containers.find_log),
            "exec": sessions.opener(containers.inside, self._processes, {}),
            "attach": attach.opener(containers.console),
        }
        return Channel(
            self._pod.channel,
            self._pod.uid,
            openers,
            lambda message: self._mailbox.put(UpdateAsked(message)),
            lambda: usage.read(containers.members()),
        )

    def _update(self, event: UpdateAsked, now: float) -> List[Action]:
        """Do what an update asks for, and say how that went."""
        if event.message["type"] == "stop":
            return self._stop(event.message, now)
        number = event.message.get("number")
        if self._channel is None or not isinstance(number, int):
            return []  # it can't be answered
        problem = ""
        actions: List[Action] = []
        try:
            actions = self._carry_out(event.message, now)
        except BadUpdate as error:
            problem = str(error)
        self._channel.answer(number, problem)
        return actions

    def _stop(self, message: Dict[str, Any], now: float) -> List[Action]:
        """The pod was deleted, with a grace period of its own; the batch system's signal comes before or after that."""
        seconds = message.get("grace_seconds")
        grace = float(max(0, seconds)) if isinstance(seconds, int) else None
        return self._lifecycle.stop(TOLD_TO_STOP, "the pod was deleted", now, grace)

    def _carry_out(self, message: Dict[str, Any], now: float) -> List[Action]:
        """All that an update has, or nothing of it. Raises BadUpdate."""
        seconds = deadline(message)
        added = additions.read(message.get("added"), self._pod, self._by_name)
        if added.containers and self._state.phase in (ENDING, ENDED):
            raise BadUpdate("the pod is ending")
        grown = additions.with_volumes(added, self._pod, self._sandbox)
        write_volumes(message.get("volumes") or {}, grown, self._sandbox)
        self._pod = grown
        self._watch.follow(grown)
        if seconds is not None:
            self._lifecycle.change_deadline(seconds)
        actions: List[Action] = []
        for container in added.containers:
            self._by_name[container.name] = container
            actions += self._lifecycle.add(container, now)
        return actions

    def _act(self, actions: List[Action]) -> None:
        """Do what was decided, and what follows from it; publish the state if it changed."""
        while actions:
            following: List[Action] = []
            for action in actions:
                if isinstance(action, Prepare):
                    self._in_background(lambda name=action.name: self._prepare(name))  # type: ignore[misc]
                elif isinstance(action, Start):
                    following += self._start(action.name)
                elif isinstance(action, Signal):
                    self._containers.signal(action.name, action.signum)
                elif isinstance(action, Attempt):
                    self._attempts.begin(action, _deed(self._by_name[action.name], action.what))
                elif isinstance(action, Finish):
                    self._finished = True
            actions = following
        if self._state.phase == ENDING:
            self._ending.set()
        if self._reporter.publish() and not self._finished:
            # should the job be killed at once, this is what is left of it
            problem = self._reporter.save(self._containers.logs if self._state.phase == ENDING else {}, {})
            if problem is not None and problem.errno in FULL:
                self._mailbox.put(StorageFull(words.node_is_full(os.strerror(problem.errno))))

    def _prepare(self, name: str) -> None:
        def tell(kind: str, reason: str, message: str) -> None:
            self._mailbox.put(Told(kind, reason, message, name))

        try:
            launch = prepare(self._pod, self._by_name[name], self._sandbox, self._images, self._machine, tell)
        except CannotStart as error:
            self._mailbox.put(PrepareFailed(name, error.reason, str(error)))
        except Exception as error:  # the pod must end with a word, whatever it is
            self._mailbox.put(PrepareFailed(name, "SupervisorError", "%s: %s" % (type(error).__name__, error)))
        else:
            self._mailbox.put(Prepared(name, launch))

    def _start(self, name: str) -> List[Action]:
        run = self._state.container(name).restart_count
        try:
            self._containers.start(self._by_name[name], run, self._launches.pop(name))
        except OSError as error:
            ending = Ending(NOT_STARTED, None, START_ERROR, str(error))
            return self._lifecycle.exited(name, ending, time.monotonic())
        return []

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _run_and_wait(self, argv: List[str]) -> Tuple[int, bytes]:
        """Run a helper program from a background thread: its exit code and output."""
        status, output = self._processes.run(argv, self._runtime_env, self._ending, LONGEST_PULL)
        return (1 if status is None else outcome(status)[0]), output


def _deed(container: Container, what: str) -> Deed:
    """What a probe or a hook of the container does."""
    planned = getattr(container, what)
    deed: Deed = planned.action if what in PROBES else planned
    return deed
