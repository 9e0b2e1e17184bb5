"""Runs a command in a container that runs, with the container's own environment, and ends it when its time is up."""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
from typing import Dict, List, Mapping

from . import enter, launcher
from .attempts import Outcome
from .command import encoded, paths
from .containers import Containers, Running
from .mounts import START_FOLDER
from .processes import Processes, kill_tree, outcome
from .words import duration

MOST_OUTPUT = 10 * 1024  # bytes that are told, a kubelet's number
LINGER = 2.0  # seconds to wait for a killed command to go


class Commands:
    """Commands of probes and hooks."""

    def __init__(self, containers: Containers, processes: Processes, environment: Mapping[str, str], folder: str) -> None:
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
            argv = enter.command(sys.executable, _archive(), first, START_FOLDER + "/" + label)
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
        )
        with open(program, "wb") as file:
            file.write(content)
        os.chmod(program, 0o500)

    def _wait(self, argv: List[str], command: List[str], status: str, timeout: float) -> Outcome:
        ended = threading.Event()
        codes: Dict[str, int] = {}

        def on_exit(code: int) -> None:
            codes["wait"] = code
            ended.set()

        with tempfile.TemporaryFile(dir=self._folder) as output:
            pid = self._processes.start(argv, self._environment, on_exit, output.fileno(), subprocess.STDOUT)
            in_time = ended.wait(timeout)
            if not in_time:
                kill_tree(pid, including_root=True)
                ended.wait(LINGER)
            output.seek(0)
            text = output.read(MOST_OUTPUT).decode("utf-8", "replace")
        if not in_time:
            return Outcome(False, 'command timed out: "%s" timed out after %s' % (" ".join(command), duration(timeout)))
        with open(status, "rb") as file:
            why = launcher.failure(file.read(), command[0] if command else "")
        if why:
            return Outcome(None, why)
        code, _ = outcome(codes["wait"])
        return Outcome(code == 0, "" if code == 0 else text or "command exited with code %d" % code)


def _archive() -> str:
    """The file that this supervisor is run from."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
