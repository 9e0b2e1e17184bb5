"""Logs as streams of the job channel: the bytes of a container's log from an offset on, and what is added to it.

Each piece of data begins with the offset of what follows it (8 bytes): where a reader goes on who lost the connection. That is not
the sum of the pieces' lengths, since lines that were not kept are left out.
"""

import struct
import threading
from typing import Any, Callable, Dict, NamedTuple, Optional

from .channel_protocol import LOG, PIECE
from .channel_streams import CannotOpen, Gone, OnEnd, Send, Session
from .logs import LogFile

NEXT = struct.Struct(">Q")
LATEST, PREVIOUS = -1, -2
NO_LOG = "NoLog"  # the reason where there is none
_LOOK_AGAIN = 5.0  # seconds; a reader is woken for new lines, but must notice that it isn't wanted any more


class Run(NamedTuple):
    """The log of one run of a container: the run's number, 0 for the first."""

    restart: int
    log: LogFile


Find = Callable[[str, int], Optional[Run]]
"""The log of a container's run with this number, or of the LATEST or the PREVIOUS one; None if there is none."""


class LogReader(Session):
    """Sends one log, in a thread of its own."""

    def __init__(self, run: Run, offset: int, follow: bool, send: Send, on_end: OnEnd) -> None:
        self._run, self._offset, self._follow = run, offset, follow
        self._send, self._on_end = send, on_end
        self._closed = False
        self.about = {"restart": run.restart}
        threading.Thread(target=self._read, name="log reader", daemon=True).start()

    def close(self) -> None:
        self._closed = True

    def _read(self) -> None:
        try:
            self._send_all()
        except Gone:
            return
        except (OSError, ValueError) as error:
            self._on_end(None, "LogUnreadable", "the log can't be read: %s" % error)
            return
        if self._run.log.deleted:
            self._on_end(None, NO_LOG, "the log is kept no longer: its container was started again since")
        else:
            self._on_end(None, "", "")

    def _send_all(self) -> None:
        """Raises Gone, OSError."""
        log = self._run.log
        while not self._closed:
            data, following = log.read(self._offset, PIECE - NEXT.size)
            if data:
                self._send(LOG, NEXT.pack(following) + data)
                self._offset = following
            elif not self._follow or not log.wait(self._offset, _LOOK_AGAIN):
                return


def opener(find: Find) -> Callable[[Dict[str, Any], Send, OnEnd], Session]:
    """What opens streams of logs that `find` finds."""

    def open_log(message: Dict[str, Any], send: Send, on_end: OnEnd) -> Session:
        name, restart = str(message.get("container")), int(message.get("restart", LATEST))
        run = find(name, restart)
        if run is None:
            raise CannotOpen(NO_LOG, "container %s has no such log" % name)
        return LogReader(run, max(0, int(message.get("offset", 0))), bool(message.get("follow")), send, on_end)

    return open_log
