"""The token agent as a child of the session: begun again when it dies, ended with the session."""

import os
import signal
import sys
import time
from collections.abc import Iterable

from highrate.journal import say

# -I: neither the working directory nor a variable of the user's decides what the agent imports
AGENT = (sys.executable, "-I", "-m", "highrate.tokens.agent")
_FIRST, _MOST = 1.0, 60.0
_LIVED = 60.0  # an agent that ran so long did not die of what its predecessor died of
_GRACE = 2.0


class Keeper:
    """Not thread-safe, and never waits: the session's loop asks ``due`` and calls ``start``."""

    def __init__(self, argv: tuple[str, ...] = AGENT) -> None:
        self._argv = argv
        self._lifeline: int | None = None
        self.pid: int | None = None
        self._started = 0.0
        self._wait = _FIRST
        self.due = 0.0
        """When to start it, by the monotonic clock, if it doesn't run."""

    def start(self, mask: Iterable[signal.Signals | int]) -> None:
        """With the signal mask that the session had at first. A failure to start is one more death."""
        self._started = time.monotonic()
        try:
            reader, self._lifeline = os.pipe()
        except OSError as problem:
            self._died(f"can't be started: {problem}")
            return
        try:
            self.pid = os.posix_spawn(
                self._argv[0],
                self._argv,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)],
                setpgroup=0,  # Ctrl-C in a terminal is for the session's program
                setsigmask=list(mask),
                setsigdef=[signal.SIGPIPE],
            )
        except OSError as problem:
            self._died(f"can't be started: {problem}")
        finally:
            os.close(reader)

    def ended(self, status: int) -> None:
        """It was waited for, with this status."""
        self.pid = None
        code = os.waitstatus_to_exitcode(status)
        self._died(f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}")

    def stop(self) -> None:
        """Within a bounded time."""
        self._cut()
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _died(self, how: str) -> None:
        self._cut()
        now = time.monotonic()
        if now - self._started > _LIVED:
            self._wait = _FIRST
        self.due = now + self._wait
        say(f"The token agent {how}; it is started again in {self._wait:.0f} s", warning=True)
        self._wait = min(_MOST, self._wait * 2)

    def _cut(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
