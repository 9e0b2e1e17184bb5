"""No program of a step outlives the command that began it, not even one that is killed with SIGKILL.

Everything that runs while the leash is held carries a mark in its environment, which children inherit. A guard beside us waits for
our end (a pipe of which only we hold the other end) and then ends whatever still carries the mark: compilers, mmdebstrap and
all that they started. Should the guard be killed as well, the next command that takes the leash does its work.

Machines are meant to stay, and are started with an environment of their own.
"""

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "HIGHRATE_COMMAND"
PATIENCE = 5.0  # mmdebstrap unmounts what it mounted when it is asked to end


@contextlib.contextmanager
def leash(owner: str) -> Iterator[None]:
    """Hold it around the work of one command; ``owner`` is the checkout's id. Ends what a killed command left running."""
    end_marked(owner)
    run = f"{owner}.{os.getpid()}.{secrets.token_hex(4)}"
    theirs, ours = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", "devcluster.leash", run],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the programs, not for their guard
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )
    os.close(theirs)
    os.environ[MARK] = run
    try:
        yield
    finally:
        del os.environ[MARK]
        os.close(ours)
        guard.wait()


def mark() -> dict[str, str]:
    """The mark, for programs that get an environment of their own but belong to this command."""
    run = os.environ.get(MARK)
    return {MARK: run} if run else {}


def marked(run: str) -> list[int]:
    """Processes of a run, or of all runs of an owner."""
    return [pid for pid in _processes() if pid != os.getpid() and _carries(pid, run)]


def end_marked(run: str, patience: float = PATIENCE) -> None:
    """Ask them to end, then insist, until none is left; also those that come up meanwhile."""
    limit = time.monotonic() + patience
    asked: set[int] = set()
    while pids := marked(run):
        if time.monotonic() < limit:
            for pid in set(pids) - asked:
                _send(pid, run, signal.SIGTERM)
            asked.update(pids)
        elif time.monotonic() < limit + patience:
            for pid in pids:
                _send(pid, run, signal.SIGKILL)
        else:
            return  # in the kernel, on a device that doesn't answer: `down` names them
        time.sleep(0.05)


def _processes() -> list[int]:
    return [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]


def _carries(pid: int, run: str) -> bool:
    with contextlib.suppress(OSError):
        prefix = f"{MARK}={run}".encode()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        # a dot ends an owner's id; what is no prefix must be all of it
        return any(entry == prefix or entry.startswith(prefix + b".") for entry in environment)
    return False


def _send(pid: int, run: str, number: signal.Signals) -> None:
    """Numbers recur: the process is looked at again when it can't be another one any more."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if _carries(pid, run):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    select.select([sys.stdin], [], [])
    end_marked(sys.argv[1])
