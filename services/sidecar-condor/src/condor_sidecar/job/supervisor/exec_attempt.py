"""Runs a command of a probe or a hook in a container that runs, and ends it when its time is up."""

import threading
from typing import Callable, List, Optional

from .attempts import Outcome
from .enter import CannotEnter
from .inside import Further, Inside, further
from .launcher import UnknownMachine
from .processes import Processes, outcome
from .words import duration

MOST_OUTPUT = 10 * 1024  # bytes that are told, a kubelet's number
NEVER_CANCELLED = threading.Event()  # a hook of a pod that ends is run, too; what is left at the very end is killed

Find = Callable[[str, int], Optional[Inside]]
"""The container of this name in its run of this number, if it runs."""


class Commands:
    """Commands of probes and hooks; what they write is kept in `folder` for as long as they run."""

    def __init__(self, find: Find, processes: Processes, folder: str) -> None:
        self._find, self._processes, self._folder = find, processes, folder

    def run(self, name: str, run: int, command: List[str], timeout: float) -> Outcome:
        """Run `command` in the container's run number `run`."""
        inside = self._find(name, run)
        if inside is None:
            return Outcome(None, "container %s is not running" % name)
        try:
            program = further(inside, command or [""])
        except (CannotEnter, UnknownMachine, OSError) as error:
            return Outcome(None, "container %s can't be entered: %s" % (name, error))
        try:
            return self._wait(program, command, timeout)
        except OSError as error:
            return Outcome(None, str(error))
        finally:
            program.remove()

    def _wait(self, program: Further, command: List[str], timeout: float) -> Outcome:
        status, output = self._processes.run(program.arguments(), {}, self._folder, NEVER_CANCELLED, timeout)
        if status is None:
            return Outcome(False, 'command timed out: "%s" timed out after %s' % (" ".join(command), duration(timeout)))
        code = outcome(status)[0]
        why = program.failure(code)
        if why:
            return Outcome(None, why)
        if code == 0:
            return Outcome(True, "")
        return Outcome(False, output[:MOST_OUTPUT].decode("utf-8", "replace") or "command exited with code %d" % code)
