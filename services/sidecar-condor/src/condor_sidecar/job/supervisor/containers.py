"""The containers that run: their processes, their logs, and what they say when they end."""

import os
import signal
from typing import Callable, Dict, List, Mapping, Optional

from . import launcher
from .channel_logs import LATEST, PREVIOUS, Run
from .life import NOT_STARTED, Ending
from .logs import LogFile, Pump
from .mailbox import Exited, Mailbox
from .plan import Container
from .prepare import Launch
from .processes import Processes, descendants, kill_tree, outcome, send
from .state import MESSAGE_LIMIT

DRAIN = 3.0  # seconds to wait for the rest of a log after its container ended
FALLBACK_LINES, FALLBACK_BYTES = 80, 2048  # of the log, for a container that left no message (Kubernetes' numbers)


class Running:
    """One container from its start to its end."""

    def __init__(self, container: Container, run: int, launch: Launch, pid: int, pump: Pump, log: LogFile) -> None:
        self.container, self.run, self.launch, self.pid, self.pump, self.log = container, run, launch, pid, pump, log


class Containers:
    """Starts containers, signals them, and tells the mailbox when they end."""

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
        self.logs: Dict[str, LogFile] = {}  # of the latest run of each
        self.previous: Dict[str, LogFile] = {}  # of the run before that
        self._runs: Dict[str, int] = {}

    def start(self, container: Container, run: int, launch: Launch) -> None:
        """Start the container's process, its run number `run`. Raises OSError."""
        name = container.name
        log = self._next_log(name, run)
        self._runs[name] = run
        outputs = [os.pipe(), os.pipe()]

        def on_line(line: bytes) -> None:
            log.write(line)
            self._on_line(name, line)

        pump = Pump(name, outputs[0][0], outputs[1][0], on_line)
        try:
            pid = self._processes.start(
                launch.argv,
                self._environment,
                lambda status: self._mailbox.put(Exited(name, status)),
                outputs[0][1],
                outputs[1][1],
            )
        finally:
            pump.start()
            for _, write_end in outputs:
                os.close(write_end)
        self._running[name] = Running(container, run, launch, pid, pump, log)

    def find(self, name: str) -> Optional[Running]:
        """The container's run, while there is one."""
        return self._running.get(name)

    def all(self) -> List[Running]:
        """All that run."""
        return list(self._running.values())

    def _next_log(self, name: str, run: int) -> LogFile:
        """A new log for the next run; the one of the latest run is kept, the one before that is not."""
        if name in self.previous:
            self.previous.pop(name).delete()
        if name in self.logs:
            self.previous[name] = self.logs.pop(name)
            self._on_restart(name)
        label = "%s.%d.log" % (name, run) if run else name + ".log"
        self.logs[name] = LogFile(os.path.join(self._log_folder, label), self._kept_bytes)
        return self.logs[name]

    def find_log(self, name: str, restart: int) -> Optional[Run]:
        """The log of a container's run (channel_logs.Find): the latest and the one before are kept. Safe in threads."""
        latest, log = self._runs.get(name), self.logs.get(name)
        if latest is None or log is None:
            return None
        wanted = {LATEST: latest, PREVIOUS: latest - 1}.get(restart, restart)
        if wanted == latest:
            return Run(latest, log)
        before = self.previous.get(name)
        return Run(wanted, before) if wanted == latest - 1 and before is not None else None

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
        running.log.end()
        code, signum = outcome(status)
        start = _read(running.launch.status_file)
        failure = launcher.failure(start, running.launch.command)
        if not start and signum is None:
            words = running.log.last_lines(FALLBACK_LINES, FALLBACK_BYTES).decode("utf-8", "replace").strip()
            return Ending(NOT_STARTED, None, "StartError", "the container couldn't be made: " + words)
        if failure and code == launcher.FAILED:
            return Ending(NOT_STARTED, None, "StartError", failure)
        message = _read(running.launch.message_file)
        if not message and code != 0 and running.container.message_from_log:
            message = running.log.last_lines(FALLBACK_LINES, FALLBACK_BYTES)
        return Ending(code, signum, "", message.decode("utf-8", "replace"))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MESSAGE_LIMIT)
    except OSError:
        return b""
