"""Attachments to a container's first process as streams of the job channel: `kubectl attach`.

They show what the container writes from now on. A reader that is slow slows the container, for a while: then it is let go.
"""

import collections
import threading
from typing import Any, Callable, Deque, Dict, Optional, Tuple

from .channel_protocol import STDERR, STDOUT
from .channel_streams import CannotOpen, Gone, OnEnd, Opener, Send, Session
from .console import Console

HELD = 256 * 1024  # bytes that wait for a reader
PATIENCE = 10.0  # seconds for which a container is held up by one

Find = Callable[[str], Optional[Console]]
"""The console of the running container of this name."""


def opener(find: Find) -> Opener:
    """What opens `attach` streams."""

    def open_attach(message: Dict[str, Any], send: Send, on_end: OnEnd) -> Session:
        name = str(message.get("container"))
        console = find(name)
        session = None if console is None else Attachment(console, message, send, on_end)
        if session is None or not session.start():
            raise CannotOpen("ContainerNotRunning", "container %s is not running" % name)
        return session

    return open_attach


class Attachment(Session):
    """One reader, who may be a writer, too."""

    def __init__(self, console: Console, message: Dict[str, Any], send: Send, on_end: OnEnd) -> None:
        self._console, self._send, self._on_end = console, send, on_end
        self._writes = bool(message.get("stdin"))
        self._kinds = [kind for kind, name in ((STDOUT, "stdout"), (STDERR, "stderr")) if message.get(name)]
        self._changed = threading.Condition()
        self._waiting: Deque[Tuple[Optional[int], bytes]] = collections.deque()
        self._size = 0
        self._closed = False

    def start(self) -> bool:
        """Begin; False if the container has ended meanwhile."""
        if not self._console.attach(self._hear):
            return False
        threading.Thread(target=self._run, name="attachment", daemon=True).start()
        return True

    def feed(self, kind: int, data: bytes) -> None:
        """Standard input."""
        if self._writes:
            self._console.write(data, lambda: not self._closed)

    def eof(self) -> None:
        """The end of what this one writes."""
        if self._writes:
            self._console.leave_input()

    def resize(self, width: int, height: int) -> None:
        """The terminal's size."""
        self._console.resize(width, height)

    def close(self) -> None:
        """Nobody wants it any more; the container goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._console.detach(self._hear)
        self.eof()

    def _hear(self, kind: Optional[int], data: bytes) -> None:
        """The container wrote this, or has ended."""
        if kind is not None and kind not in self._kinds:
            return
        with self._changed:
            room = self._changed.wait_for(lambda: self._closed or self._size <= HELD, PATIENCE)
            if room and not self._closed:
                self._waiting.append((kind, data))
                self._size += len(data)
                self._changed.notify_all()
        if not room:
            self._on_end(None, "TooSlow", "the container was held up for %d seconds: read faster" % PATIENCE)
            self.close()

    def _run(self) -> None:
        """Send what waits, until the container or the reader leaves."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._closed or self._waiting))
                if self._closed:
                    return
                kind, data = self._waiting.popleft()
            if kind is None:
                self._on_end(None, "", "")
                return
            try:
                self._send(kind, data)
            except Gone:
                self.close()
                return
            with self._changed:
                self._size -= len(data)
                self._changed.notify_all()
