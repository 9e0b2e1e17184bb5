"""Child processes: each in a session of its own, all reaped in one place, killed with everything they started."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .output import Output

PR_SET_CHILD_SUBREAPER = 36

LINGER = 2.0  # seconds to wait for a killed program to go
MOST_OUTPUT = 1024 * 1024  # bytes of a helper program's output that are kept

OnExit = Callable[[int], None]


class _Child(NamedTuple):
    """`beside` is the id of the child that it belongs to: it works in that one's container."""

    process: "subprocess.Popen[bytes]"
    on_exit: OnExit
    beside: int


class Processes:
    """Starts children and reaps whatever ends: our children, and orphans of theirs that the kernel gives to us."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running: Dict[int, _Child] = {}
        try:
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        except (OSError, AttributeError):
            pass  # without it, orphans go to the machine's own init

    def start(
        self,
        argv: List[str],
        env: Mapping[str, str],
        on_exit: OnExit,
        stdout: Optional[int] = None,
        stderr: Optional[int] = None,
        stdin: int = subprocess.DEVNULL,
        inherited: Sequence[int] = (),
        beside: int = 0,
    ) -> int:
        """Start `argv`, which gets these descriptors; its process id. `on_exit` gets the wait status. Raises OSError.

        It is counted with the child `beside` (`members`).
        """
        with self._lock:  # so that the child can't be reaped before it is known
            process = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                close_fds=True,
                pass_fds=inherited,
            )
            self._running[process.pid] = _Child(process, on_exit, beside)
        return process.pid

    def run(
        self,
        argv: List[str],
        env: Mapping[str, str],
        cancelled: threading.Event,
        timeout: float,
        most: int = MOST_OUTPUT,
        beside: int = 0,
    ) -> Tuple[Optional[int], bytes]:
        """Run `argv` to its end, from a thread that isn't the one that reaps: its wait status, and `most` bytes of its output.

        When `cancelled` is set or after `timeout` seconds it is killed with all below it, and the status is None. Raises OSError.
        """
        ended = threading.Event()
        statuses: List[int] = []

        def on_exit(status: int) -> None:
            statuses.append(status)
            ended.set()

        end = time.monotonic() + timeout
        output = Output(most)
        output.start()
        try:
            pid = self.start(argv, env, on_exit, output.theirs, subprocess.STDOUT, beside=beside)
        finally:
            os.close(output.theirs)
        while not ended.wait(max(0.0, min(0.5, end - time.monotonic()))):
            if cancelled.is_set() or time.monotonic() >= end:
                kill_tree(pid, including_root=True)
                ended.wait(LINGER)
                statuses.clear()
                break
        return statuses[0] if statuses else None, output.kept()

    def members(self, pid: int, family: Mapping[int, List[int]]) -> List[int]:
        """Process ids below the child `pid`, and below those that were started beside it, by what `children` gave."""
        with self._lock:
            roots = [pid, *(other for other, child in self._running.items() if child.beside == pid)]
        return [each for root in roots for each in below(family, root)]

    def end_all(self, patience: float) -> None:
        """Kill whatever is left of all children and theirs, and reap it; wait for that, at most `patience` seconds."""
        end = time.monotonic() + patience
        while not self.reap() and time.monotonic() < end:
            kill_tree(os.getpid(), including_root=False)
            time.sleep(0.02)

    def reap(self) -> bool:
        """Collect all children that ended, and tell whom it concerns; whether there are none left."""
        while True:
            with self._lock:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return True
                if pid == 0:
                    return False
                known = self._running.pop(pid, None)
            if known is not None:
                known.process.returncode = status  # it is reaped: Popen must not wait for it
                known.on_exit(status)


def send(pid: int, signum: int) -> None:
    """Send `signum` to the process, if it is still there."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def kill_tree(pid: int, including_root: bool) -> None:
    """Kill all descendants of `pid`, and `pid` itself if asked.

    Without it, Apptainer lives on for the moment that it needs to report how its container ended.
    """
    for child in descendants(pid):
        send(child, signal.SIGKILL)
    if including_root:
        send(pid, signal.SIGKILL)


def descendants(pid: int) -> List[int]:
    """Process ids below `pid`, parents first."""
    return below(children(), pid)


def children() -> Dict[int, List[int]]:
    """The children of every process of this machine that has some."""
    found: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            found.setdefault(parent, []).append(int(name))
    return found


def below(family: Mapping[int, List[int]], pid: int) -> List[int]:
    """Process ids below `pid` by what `children` gave, parents first."""
    found: List[int] = []
    pending = [pid]
    while pending:
        next_ones = family.get(pending.pop(0), [])
        found += next_ones
        pending += next_ones
    return found


def outcome(status: int) -> Tuple[int, Optional[int]]:
    """Exit code as a container runtime reports it, and the signal that ended the process, of a wait status."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status), os.WTERMSIG(status)
    return os.WEXITSTATUS(status), None
