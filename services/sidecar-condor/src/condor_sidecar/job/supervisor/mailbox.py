"""Where threads and signal handlers leave what happened, for the one loop that decides.

A deque and a pipe: both can be used from a signal handler, a queue with its lock can't.
"""

import collections
import os
import select
import signal
from typing import Any, Deque, Dict, List, NamedTuple, Optional


class Began(NamedTuple):
    """A container's command runs, in its run number `run`."""

    name: str
    run: int


class Exited(NamedTuple):
    """A container's process ended, with this wait status."""

    name: str
    status: int


class Prepared(NamedTuple):
    """All is ready to start a container; `launch` says how."""

    name: str
    launch: Any


class PrepareFailed(NamedTuple):
    """A container can't be started."""

    name: str
    reason: str
    message: str


class Signalled(NamedTuple):
    """The job got this signal."""

    signum: int


class StorageFull(NamedTuple):
    """A volume or a container grew over its limit."""

    message: str


class MemoryFull(NamedTuple):
    """A container uses more memory than it may, in its run number `run`."""

    name: str
    run: int


class Attempted(NamedTuple):
    """A probe or a hook of a container's run number `run` ended; `good` is None where nothing can be said."""

    name: str
    what: str
    run: int
    good: Optional[bool]
    message: str


class Told(NamedTuple):
    """Something that a kubelet would write an event about."""

    kind: str
    reason: str
    message: str
    container: str


class UpdateAsked(NamedTuple):
    """The sidecar sent an update, or ends the pod (channel_protocol.py)."""

    message: Dict[str, Any]


class Mailbox:
    """Many leave events, one takes them."""

    def __init__(self) -> None:
        self._events: Deque[Any] = collections.deque()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def watch_signals(self) -> None:
        """Let every signal wake `take`: it may reach the process in a thread other than the one that waits."""
        signal.set_wakeup_fd(self._write)

    def put(self, event: Any) -> None:
        """Leave `event`; safe in threads and signal handlers."""
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        """Let `take` return, with no event if there is none."""
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            pass  # the pipe is full: it will wake up anyway

    def take(self, timeout: Optional[float]) -> List[Any]:
        """All events so far; waits for something to happen, at most `timeout` seconds."""
        if not self._events:
            select.select([self._read], [], [], None if timeout is None else max(0.0, timeout))
        try:
            os.read(self._read, 65536)
        except BlockingIOError:
            pass
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events
