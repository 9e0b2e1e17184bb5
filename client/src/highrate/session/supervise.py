"""Run a session's program as a child: signals go on to it, its end is ours, and the token agent lives beside it.

The program is a child, and this process stays, since somebody must start the agent again: an agent left behind by exec would be
a child of JupyterLab, which doesn't know it. The init above (tini) ends everything if this process is lost.

One thread, one loop. All signals are blocked and taken one by one, so that none is lost between two of them.
"""

import os
import signal
import time
from collections.abc import Iterable

from highrate.journal import say
from highrate.session.keeper import Keeper

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells have it
_KILLED = 128
_OWN = {
    # can't be caught, or stop and continue this process itself as a terminal's job control wants
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT),
    # say that this process itself has failed
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
    *(signal.SIGPIPE, signal.SIGXFSZ),
}
_TAKEN = signal.valid_signals() - _OWN
_LONG = 3600.0


def supervise(argv: list[str], keeper: Keeper | None) -> int:
    """The exit code for this process."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
    try:
        child = os.posix_spawnp(
            argv[0], argv, os.environ, setsigmask=list(mask), setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
    except OSError as problem:
        say(f"{argv[0]} can't be run: {problem.strerror}", warning=True)
        return NOT_FOUND if isinstance(problem, FileNotFoundError) else NOT_EXECUTABLE
    try:
        return _until_it_ends(child, keeper, mask)
    finally:
        if keeper is not None:
            keeper.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _until_it_ends(child: int, keeper: Keeper | None, mask: Iterable[signal.Signals | int]) -> int:
    while True:
        if keeper is not None and keeper.pid is None and time.monotonic() >= keeper.due:
            keeper.start(mask)
        came = signal.sigtimedwait(_TAKEN, _next(keeper))
        if came is None:
            continue
        if came.si_signo == signal.SIGCHLD:
            status = _reap(child, keeper)
            if status is not None:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else _KILLED - code
        elif came.si_code <= 0:  # what the kernel sends (a terminal's Ctrl-C) the child gets as well, of its own
            os.kill(child, came.si_signo)


def _next(keeper: Keeper | None) -> float:
    if keeper is None or keeper.pid is not None:
        return _LONG
    return max(0.0, keeper.due - time.monotonic())


def _reap(child: int, keeper: Keeper | None) -> int | None:
    """Everything that has ended; the child's status once it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status
        elif keeper is not None and pid == keeper.pid:
            keeper.ended(status)
