"""The containers that run: their processes, their logs, and what they say when they end."""

import os
import signal
import threading
import time
from typing import Callable, Dict, List, Mapping, Optional

from . import launcher, start_folder
from .channel_logs import LATEST, PREVIOUS, Run
from .console import Console
from .inside import Inside
from .life import NOT_STARTED, START_ERROR, Ending
from .logs import LogFile, Pump
from .mailbox import Began, Exited, Mailbox
from .plan import EPHEMERAL, Container
from .prepare import Launch
from .processes import Processes, descendants, kill_tree, outcome, send
from .state import MESSAGE_LIMIT

LOOK = 0.01  # seconds between two looks whether a container's command runs
DRAIN = 3.0  # seconds to wait for the rest of a log after its container ended
MOST_OF_EPHEMERAL = (
    512 * 1024
)  # bytes of an ephemeral container's log that are kept: the plan's share is for the others
FALLBACK_LINES, FALLBACK_BYTES = 80, 2048  # of the log, for a container that left no message (Kubernetes' numbers)


class Running:
    """One container from its start to its end."""

    def __init__(
        self, container: Container, run: int, launch: Launch, pid: int, pump: Pump, log: LogFile, console: Console
    ) -> None:
        self.container, self.run, self.launch, self.pid, self.pump, self.log = container, run, launch, pid, pump, log
        self.console = console


class Containers:
    """Starts containers, signals them, and tells the mailbox when their commands run and when they end."""

    def __init__(
        self,
        processes: Processes,
        mailbox: Mailbox,
        environment: Mapping[str, str],
        logs: str,
        kept_bytes: int,
        on_line: Callable[[str, bytes], None],
        on_restart: Callable[[str], None],
    ) -> None:
        self._processes, self._mailbox, self._environment = processes, mailbox, environment
        self._log_folder, self._kept_bytes, self._on_line, self._on_restart = logs, kept_bytes, on_line, on_restart
        self._running: Dict[str, Running] = {}
        self._latest: Dict[str, Run] = {}
        self._previous: Dict[str, Run] = {}

    def start(self, container: Container, run: int, launch: Launch) -> None:
        """Start the container's process, its run number `run`. Raises OSError."""
        name = container.name
        log = self._next_log(container, run)
        console = Console(container)

        def on_line(line: bytes) -> None:
            log.write(line)
            self._on_line(name, line)

        pump = Pump(name, console.outputs, on_line, console.seen)
        try:
            pid = self._processes.start(
                launch.argv,
                self._environment,
                lambda status: self._mailbox.put(Exited(name, status)),
                console.stdout,
                console.stderr,
                console.stdin,
            )
        except OSError:
            console.end()
            raise
        finally:
            pump.start()
            console.started()
        running = self._running[name] = Running(container, run, launch, pid, pump, log, console)
        threading.Thread(target=self._tell_when_begun, args=[running], daemon=True).start()

    def _tell_when_begun(self, running: Running) -> None:
        """Wait, in a thread, until the container is made, which takes a runtime a moment, and its command runs in it."""
        name, looks = running.container.name, 0
        while self._running.get(name) is running:
            status = start_folder.read(running.launch.status_file, MESSAGE_LIMIT)
            if status and not launcher.failure(status, "", running.launch.tries):
                looks += 1
            if looks == 2:  # where nothing can be executed, that is noted by then
                self._mailbox.put(Began(name, running.run))
                return
            time.sleep(LOOK)

    def find(self, name: str) -> Optional[Running]:
        """The container's run, while there is one."""
        return self._running.get(name)

    def all(self) -> List[Running]:
        """All that run."""
        return list(self._running.values())

    def inside(self, name: str, run: Optional[int] = None) -> Optional[Inside]:
        """What a further program in the container needs, while that runs (in its run number `run`). Safe in threads."""
        running = self._running.get(name)
        if running is None or run not in (None, running.run):
            return None
        launch = running.launch
        return Inside(running.pid, launch.folder, launch.env, launch.work_dir, launch.user)

    def _next_log(self, container: Container, run: int) -> LogFile:
        """A new log for the next run; the one of the latest run is kept, the one before that is not."""
        name, kept = container.name, self._kept_bytes
        if container.kind == EPHEMERAL:
            kept = min(kept, MOST_OF_EPHEMERAL)
        if name in self._previous:
            self._previous.pop(name).log.delete()
        if name in self._latest:
            self._previous[name] = self._latest.pop(name)
            self._on_restart(name)
        label = "%s.%d.log" % (name, run) if run else name + ".log"
        log = LogFile(os.path.join(self._log_folder, label), kept)
        self._latest[name] = Run(run, log)
        return log

    @property
    def logs(self) -> Dict[str, LogFile]:
        """The log of each container's latest run."""
        return {name: run.log for name, run in list(self._latest.items())}

    @property
    def previous(self) -> Dict[str, LogFile]:
        """The log of the run before that, of those that were started again."""
        return {name: run.log for name, run in list(self._previous.items())}

    def find_log(self, name: str, restart: int) -> Optional[Run]:
        """The log of a container's run (channel_logs.Find): the latest and the one before are kept. Safe in threads."""
        latest, previous = self._latest.get(name), self._previous.get(name)
        if restart in (LATEST, latest.restart if latest else None):
            return latest
        return previous if restart in (PREVIOUS, previous.restart if previous else None) else None

    def console(self, name: str) -> Optional[Console]:
        """The standard streams of the container's first process (attach.Find). Safe in threads."""
        running = self._running.get(name)
        return None if running is None else running.console

    def pids(self) -> Dict[str, int]:
        """The first process of each container that runs. Safe in threads."""
        return {name: running.pid for name, running in list(self._running.items())}

    def signal(self, name: str, signum: int) -> None:
        """Pass a signal on to the container's first process; SIGKILL takes everything in the container.

        Apptainer hands a signal on, but can't be handed SIGKILL: its container is killed, and Apptainer reports that.
        """
        running = self._running.get(name)
        if running is None:
            return  # it ended, which the mailbox will tell
        pid = running.pid
        if signum != signal.SIGKILL:
            send(pid, signum)
        elif descendants(pid):
            kill_tree(pid, including_root=False)
        else:
            send(pid, signum)

    def ended(self, name: str, status: int) -> Ending:
        """The container's process ended with this wait status: what that means."""
        running = self._running.pop(name)
        running.pump.join(DRAIN)
        running.console.end()
        running.log.end()
        code, signum = outcome(status)
        start = start_folder.read(running.launch.status_file, MESSAGE_LIMIT)
        failure = launcher.failure(start, running.launch.command, running.launch.tries)
        if not start and signum is None:
            words = running.log.last_lines(FALLBACK_LINES, FALLBACK_BYTES).decode("utf-8", "replace").strip()
            return Ending(NOT_STARTED, None, START_ERROR, "the container couldn't be made: " + words)
        if failure and code == launcher.FAILED:
            return Ending(NOT_STARTED, None, START_ERROR, failure)
        message = start_folder.read(running.launch.message_file, MESSAGE_LIMIT)
        if not message and code != 0 and running.container.message_from_log:
            message = running.log.last_lines(FALLBACK_LINES, FALLBACK_BYTES)
        return Ending(code, signum, "", message.decode("utf-8", "replace"))
