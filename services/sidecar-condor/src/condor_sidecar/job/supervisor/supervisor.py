"""The loop: waits for what happens, lets the life cycle decide, acts."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import apptainer, attach, channel_logs, sessions
from .channel import Channel
from .channel_streams import Opener
from .containers import Containers
from .images import Images
from .lifecycle import Action, Finish, Lifecycle, Prepare, Signal, Start
from .mailbox import Exited, Mailbox, Prepared, PrepareFailed, Signalled, UpdateAsked, VolumeFull
from .plan import Pod
from .prepare import CannotStart, Launch, Machine, prepare
from .processes import Processes, kill_tree, outcome
from .report import Reporter
from .sandbox import Sandbox, used_bytes
from .state import ENDING, PodState
from .update import BadUpdate, write_volumes
from .usage import UsageReader

VOLUME_CHECK = 2.0  # seconds between two looks at volumes with a size limit, more where one look takes long
LEAVING = 5.0  # seconds to wait for killed processes to go
LAST_WORDS = 5.0  # seconds to wait for the sidecar to take the last record and the logs


class Supervisor:
    """One pod's run."""

    def __init__(self, sandbox: Sandbox, pod: Pod, program: str, environment: Dict[str, str]) -> None:
        self._pod, self._sandbox = pod, sandbox
        self._mailbox = Mailbox()
        self._processes = Processes()
        self._cancelled = threading.Event()
        self._state = PodState(pod, socket.gethostname(), own_address())
        self._lifecycle = Lifecycle(pod, self._state, time.monotonic())
        self._reporter = Reporter(sandbox, self._state, pod.streamed_log_bytes)
        self._runtime_env = apptainer.environment(sandbox.runtime, environment)
        self._machine = Machine(program, os.uname().machine, self._state.address, hosts(), environment)
        self._images = Images(program, sandbox.images, self._run_and_wait, self._cancelled)
        self._containers = Containers(
            self._processes,
            self._mailbox,
            self._runtime_env,
            sandbox.logs,
            pod.kept_log_bytes,
            self._reporter.stream.line,
        )
        self._channel = self._make_channel()
        self._reporter.channel = self._channel
        self._launches: Dict[str, Launch] = {}
        self._finished = False

    def run(self) -> int:
        """Run the pod to its end; the job's exit code: the highest of the containers'."""
        self._mailbox.watch_signals()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(signum, lambda number, _: self._mailbox.put(Signalled(number)))
        signal.signal(signal.SIGCHLD, lambda number, _: None)  # that it came is enough to wake up and reap
        if any(volume.size_limit is not None for volume in self._pod.volumes):
            self._in_background(self._watch_volumes)
        if self._channel is not None:
            self._channel.start()
        try:
            self._loop()
        except Exception as error:
            traceback.print_exc()
            self._state.give_up("SupervisorError", "%s: %s" % (type(error).__name__, error), time.time())
            self._reporter.publish()
        self._cancelled.set()
        self._processes.end_all(LEAVING)
        self._reporter.save(self._containers.logs)
        if self._channel is not None:
            self._channel.finish(LAST_WORDS)
        self._reporter.close()
        codes = [container.exit_code for container in self._state.containers if container.exit_code is not None]
        return min(max(codes, default=1), 255)

    def _loop(self) -> None:
        self._act(self._lifecycle.begin())
        while not self._finished:
            wake_at = self._lifecycle.wake_at()
            events = self._mailbox.take(None if wake_at is None else wake_at - time.monotonic())
            self._processes.reap()
            for event in events:
                self._act(self._handle(event))
            self._act(self._lifecycle.tick(time.monotonic()))

    def _handle(self, event: object) -> List[Action]:
        """What an event means for the pod."""
        if isinstance(event, Prepared):
            self._launches[event.name] = event.launch
            return self._lifecycle.prepared(event.name, event.launch.image_id)
        if isinstance(event, PrepareFailed):
            return self._lifecycle.cannot_start(event.name, event.reason, event.message, time.time())
        if isinstance(event, Exited):
            ending = self._containers.ended(event.name, event.status)
            return self._lifecycle.exited(event.name, *ending, now=time.time())
        if isinstance(event, UpdateAsked):
            self._update(event.message)
            return []
        if isinstance(event, VolumeFull):
            return self._stop("Evicted", event.message)
        if isinstance(event, Signalled):
            name = signal.Signals(event.signum).name
            return self._stop("Terminated", "the batch system told the job to stop (%s)" % name)
        raise TypeError("no such event: %r" % (event,))

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
            lambda: usage.read(containers.pids()),
        )

    def _update(self, message: Dict[str, Any]) -> None:
        """Do what an update asks for, and say how that went."""
        problem = ""
        try:
            number, deadline = int(message["number"]), message.get("deadline_seconds")
            if deadline is not None:
                self._lifecycle.change_deadline(int(deadline))
            write_volumes(message.get("volumes") or {}, self._pod, self._sandbox)
        except (KeyError, TypeError, ValueError):
            return  # an update without a number can't be answered
        except BadUpdate as error:
            problem = str(error)
        if self._channel is not None:
            self._channel.answer(number, problem)

    def _stop(self, reason: str, message: str) -> List[Action]:
        self._cancelled.set()
        return self._lifecycle.stop(reason, message, time.monotonic())

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
                elif isinstance(action, Finish):
                    self._finished = True
            actions = following
        if self._reporter.publish() and not self._finished:
            # should the job be killed at once, this is what is left of it
            self._reporter.save(self._containers.logs if self._state.phase == ENDING else {})

    def _prepare(self, name: str) -> None:
        container = next(container for container in self._pod.containers if container.name == name)
        try:
            launch = prepare(self._pod, container, self._sandbox, self._images, self._machine)
        except CannotStart as error:
            self._mailbox.put(PrepareFailed(name, error.reason, str(error)))
        except Exception as error:  # the pod must end with a word, whatever it is
            self._mailbox.put(PrepareFailed(name, "SupervisorError", "%s: %s" % (type(error).__name__, error)))
        else:
            self._mailbox.put(Prepared(name, launch))

    def _start(self, name: str) -> List[Action]:
        container = next(container for container in self._pod.containers if container.name == name)
        try:
            self._containers.start(container, self._launches.pop(name))
        except OSError as error:
            return self._lifecycle.cannot_start(name, "StartError", str(error), time.time())
        return self._lifecycle.started(name, time.time())

    def _watch_volumes(self) -> None:
        """Say so when an emptyDir grew over its limit. As under a kubelet, it may be over for a while before that is seen."""
        limited = [volume for volume in self._pod.volumes if volume.size_limit is not None]
        pause = VOLUME_CHECK
        while not self._cancelled.wait(pause):
            began = time.monotonic()
            for volume in limited:
                if used_bytes(self._sandbox.volume(volume.name)) > (volume.size_limit or 0):
                    words = 'Usage of EmptyDir volume "%s" exceeds the limit "%d".' % (
                        volume.name,
                        volume.size_limit or 0,
                    )
                    self._mailbox.put(VolumeFull(words))
                    return
            pause = max(VOLUME_CHECK, 20 * (time.monotonic() - began))

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _run_and_wait(self, argv: List[str]) -> Tuple[int, bytes]:
        """Run a helper program from a background thread: its exit code and output."""
        done = threading.Event()
        result = []

        def on_exit(status: int) -> None:
            result.append(status)
            done.set()

        with tempfile.TemporaryFile(dir=self._sandbox.runtime) as output:
            pid = self._processes.start(argv, self._runtime_env, on_exit, output.fileno(), subprocess.STDOUT)
            while not done.wait(0.5):
                if self._cancelled.is_set():
                    kill_tree(pid, including_root=True)
            output.seek(0)
            return outcome(result[0])[0], output.read()


def own_address() -> str:
    """The address from which this machine reaches others; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def hosts() -> str:
    """The machine's /etc/hosts."""
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return "127.0.0.1\tlocalhost\n"
