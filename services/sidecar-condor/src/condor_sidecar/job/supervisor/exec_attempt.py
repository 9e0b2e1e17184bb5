"""Runs a command in a container that runs, with the container's own environment, and ends it when its time is up."""

import itertools
import os
import sys
import threading
from typing import List, Mapping

from . import enter, launcher
from .attempts import Outcome
from .command import encoded, paths
from .containers import Containers, Running
from .mounts import START_FOLDER
from .processes import Processes, outcome
from .words import duration

MOST_OUTPUT = 10 * 1024  # bytes that are told, a kubelet's number
NEVER_CANCELLED = threading.Event()  # a hook of a pod that ends is run, too; what is left at the very end is killed


class Commands:
    """Commands of probes and hooks."""

    def __init__(
        self, containers: Containers, processes: Processes, environment: Mapping[str, str], folder: str
    ) -> None:
        self._containers, self._processes, self._environment, self._folder = containers, processes, environment, folder
        self._numbers = itertools.count()

    def run(self, name: str, run: int, command: List[str], timeout: float) -> Outcome:
        """Run `command` in the container's run number `run`."""
        running = self._containers.find(name)
        first = None if running is None or running.run != run else enter.first_process(running.pid)
        if running is None or first is None:
            return Outcome(None, "container %s is not running" % name)
        label = "exec-%d" % next(self._numbers)
        program, status = (os.path.join(running.launch.start, each) for each in (label, label + "-status"))
        try:
            self._write(running, command, program, status)
            program_inside = START_FOLDER + "/" + label
            argv = enter.command(sys.executable, _archive(), first, program_inside, running.launch.work_dir)
            return self._wait(argv, command, status, timeout)
        except (OSError, launcher.UnknownMachine) as error:
            return Outcome(None, str(error))
        finally:
            for path in (program, status):
                if os.path.exists(path):
                    os.unlink(path)

    def _write(self, running: Running, command: List[str], program: str, status: str) -> None:
        """The program that becomes `command`, and the file where it says what kept it from that."""
        env = dict(running.launch.env)
        with open(status, "wb"):
            pass
        content = launcher.build(
            os.uname().machine,
            (START_FOLDER + "/" + os.path.basename(status)).encode("ascii"),
            encoded(paths(command[0] if command else "", env)),
            encoded(command),
            encoded(["%s=%s" % pair for pair in running.launch.env]),
            [],
            running.launch.user,
        )
        with open(program, "wb") as file:
            file.write(content)
        os.chmod(program, 0o500)

    def _wait(self, argv: List[str], command: List[str], status: str, timeout: float) -> Outcome:
        code, output = self._processes.run(argv, self._environment, self._folder, NEVER_CANCELLED, timeout)
        text = output[:MOST_OUTPUT].decode("utf-8", "replace")
        if code is None:
            return Outcome(False, 'command timed out: "%s" timed out after %s' % (" ".join(command), duration(timeout)))
        with open(status, "rb") as file:
            why = launcher.failure(file.read(), command[0] if command else "")
        if why:
            return Outcome(None, why)
        if code == 0:
            return Outcome(True, "")
        return Outcome(False, text or "command exited with code %d" % outcome(code)[0])


def _archive() -> str:
    """The file that this supervisor is run from."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
