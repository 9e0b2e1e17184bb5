"""Runs the command of a probe or a hook in a container that runs, and ends it when its time is up."""

import threading
import time
from typing import List

from . import enter, launcher
from .attempts import Outcome
from .containers import Containers, Running
from .inside import Further, Inside, further
from .processes import Processes, outcome
from .words import duration

MOST_OUTPUT = 10 * 1024  # bytes that are told, a kubelet's number
BEGINNING = 10.0  # seconds that a container may take from its start to its first process
NEVER_CANCELLED = threading.Event()  # a hook of a pod that ends is run, too; what is left at the very end is killed


class Commands:
    """Commands of probes and hooks; what they write is kept in `folder` for as long as they run."""

    def __init__(self, containers: Containers, processes: Processes, folder: str) -> None:
        self._containers, self._processes, self._folder = containers, processes, folder

    def run(self, name: str, run: int, command: List[str], timeout: float) -> Outcome:
        """Run `command` in the container's run number `run`."""
        running = self._containers.find(name)
        if running is None or running.run != run:
            return Outcome(None, "container %s is not running" % name)
        launch = running.launch
        inside = Inside(running.pid, launch.folder, launch.env, launch.work_dir, launch.user)
        try:
            program = self._begun(running, inside, command, min(timeout, BEGINNING))
        except (OSError, enter.CannotEnter, launcher.UnknownMachine) as error:
            return Outcome(None, str(error))
        try:
            return self._wait(program, command, timeout)
        except OSError as error:
            return Outcome(None, str(error))
        finally:
            program.remove()

    def _begun(self, running: Running, inside: Inside, command: List[str], patience: float) -> Further:
        """The program, once the container's first process is there: Apptainer needs a moment to make it, and a hook comes at once.

        Raises enter.CannotEnter and OSError.
        """
        end = time.monotonic() + patience
        while True:
            try:
                return further(inside, command or [""])
            except enter.CannotEnter:
                if time.monotonic() > end or self._containers.find(running.container.name) is not running:
                    raise
            time.sleep(0.02)

    def _wait(self, program: Further, command: List[str], timeout: float) -> Outcome:
        status, output = self._processes.run(program.arguments(), {}, self._folder, NEVER_CANCELLED, timeout)
        if status is None:
            words = 'command timed out: "%s" timed out after %s'
            return Outcome(False, words % (" ".join(command), duration(timeout)))
        code, _ = outcome(status)
        why = program.failure(code)
        if why:
            return Outcome(None, why)
        text = output[:MOST_OUTPUT].decode("utf-8", "replace")
        return Outcome(True, "") if code == 0 else Outcome(False, text or "command exited with code %d" % code)
