"""Runs the command of a probe or a hook in a container that runs, and ends it when its time is up."""

import threading
import time
from typing import Callable, List, Optional

from . import enter, launcher
from .attempts import Outcome
from .inside import Further, Inside, NotBegun, further
from .processes import Processes, outcome
from .words import duration

MOST_OUTPUT = 10 * 1024  # bytes that are told, a kubelet's number
BEGINNING = 20.0  # seconds that a container may need to begin
NEVER_CANCELLED = threading.Event()  # a hook of a pod that ends is run, too; what is left at the very end is killed

Find = Callable[[str, int], Optional[Inside]]
"""The container of this name in its run of this number, if it runs."""


class Commands:
    """Commands of probes and hooks."""

    def __init__(self, find: Find, processes: Processes) -> None:
        self._find, self._processes = find, processes

    def run(self, name: str, run: int, command: List[str], timeout: float) -> Outcome:
        """Run `command` in the container's run number `run`."""
        try:
            program = self._made(name, run, command or [""])
        except (OSError, enter.CannotEnter, launcher.UnknownMachine) as error:
            return Outcome(None, str(error))
        try:
            return self._wait(program, command, timeout)
        except OSError as error:
            return Outcome(None, str(error))
        finally:
            program.remove()

    def _made(self, name: str, run: int, command: List[str]) -> Further:
        """The program, once the container has begun: it is still being made when its run begins. Raises CannotEnter, OSError."""
        end = time.monotonic() + BEGINNING
        while True:
            inside = self._find(name, run)
            if inside is None:
                raise enter.CannotEnter("container %s is not running" % name)
            try:
                return further(inside, command)
            except NotBegun:
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def _wait(self, program: Further, command: List[str], timeout: float) -> Outcome:
        status, output = self._processes.run(
            program.arguments(), {}, NEVER_CANCELLED, timeout, MOST_OUTPUT, program.beside
        )
        if status is None:
            words = 'command timed out: "%s" timed out after %s'
            return Outcome(False, words % (" ".join(command), duration(timeout)))
        code, _ = outcome(status)
        why = program.failure(code)
        if why:
            return Outcome(None, why)
        text = output.decode("utf-8", "replace")
        return Outcome(True, "") if code == 0 else Outcome(False, text or "command exited with code %d" % code)
