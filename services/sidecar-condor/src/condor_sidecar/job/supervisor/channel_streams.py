"""Streams of the job channel, as those see them who carry them out: a log, a command in a container, an attachment.

Each kind of stream has an opener, which gets the message that asked for it (channel_protocol.py) and two functions, and gives a
Session back: `session = open(message, send, on_end)`. The channel is lost at any time; its streams are then closed for good.
"""

import collections
import threading
from typing import Any, Callable, Deque, Dict, Mapping, Optional, Tuple

from .channel_protocol import PIECE, WINDOW, encode, pack

Send = Callable[[int, bytes], None]
"""Sends data of this kind (STDOUT, STDERR, LOG), in pieces of PIECE bytes at most; waits while the reader is slow.

To be called from a thread of the session's own, and only once its opener has returned. Raises Gone.
"""

OnEnd = Callable[[Optional[int], str, str], None]
"""Ends the stream with exit code (None where there is none), reason and message; never waits. What comes after it is dropped."""


class Gone(Exception):
    """Nobody takes the stream's data any more."""


class CannotOpen(Exception):
    """The stream can't be opened: `reason` is one CamelCase word, the text is for the user."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Session:
    """What an opener gives: takes what comes in. A session that is closed ends by itself and needn't say so.

    `about` has further fields of the message that says that the stream is open.
    """

    about: Mapping[str, Any] = {}

    def feed(self, kind: int, data: bytes) -> None:
        """Data for it (STDIN). May wait: it has a thread of the stream's own, and the sender waits with it."""

    def eof(self) -> None:
        """No more data will come; in the same thread, after the last of it."""

    def resize(self, width: int, height: int) -> None:
        """The terminal's size. Must not wait."""

    def close(self) -> None:
        """Nobody wants it any more. Must not wait; may come more than once."""


Opener = Callable[[Dict[str, Any], Send, OnEnd], Session]


class Stream:
    """One stream between the channel and its session."""

    def __init__(self, number: int, post: Callable[[bytes], None], control: Callable[[str], None]) -> None:
        self.number = number
        self._post, self._control = post, control
        self._changed = threading.Condition()
        self._credit = 0
        self._over = False
        self._session: Optional[Session] = None
        self._input: Deque[Optional[Tuple[int, bytes]]] = collections.deque()
        self._unfed = 0
        self._feeder: Optional[threading.Thread] = None

    def start(self, session: Session) -> None:
        """The stream is announced: from here on the session may write."""
        with self._changed:
            self._session = session
            self._credit += WINDOW
            self._changed.notify_all()

    def write(self, kind: int, data: bytes) -> None:
        """Send `data`, within what the reader has granted. Raises Gone."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            with self._changed:
                while self._credit < len(piece) and not self._over:
                    self._changed.wait()
                if self._over:
                    raise Gone()
                self._credit -= len(piece)
                self._post(pack(kind, self.number, piece))

    def grant(self, size: int) -> None:
        """The reader takes `size` bytes more."""
        with self._changed:
            self._credit = min(self._credit + size, WINDOW)
            self._changed.notify_all()

    def end(self) -> bool:
        """It is over, for whatever reason; whether that is news."""
        with self._changed:
            news, self._over = not self._over, True
            self._changed.notify_all()
        return news

    def close(self) -> None:
        """Nobody wants it any more."""
        self.end()
        if self._session is not None:
            self._session.close()

    def resize(self, width: int, height: int) -> None:
        """The terminal's size."""
        if self._session is not None:
            self._session.resize(width, height)

    def feed(self, kind: int, data: bytes) -> bool:
        """Data for the session; whether its sender had been granted that much."""
        with self._changed:
            self._unfed += len(data)
            if self._unfed > WINDOW:
                return False
        self._give((kind, data))
        return True

    def eof(self) -> None:
        """No more data will come."""
        self._give(None)

    def _give(self, item: Optional[Tuple[int, bytes]]) -> None:
        with self._changed:
            self._input.append(item)
            self._changed.notify_all()
            if self._feeder is None:
                self._feeder = threading.Thread(target=self._feed, name="stream %d" % self.number, daemon=True)
                self._feeder.start()

    def _feed(self) -> None:
        """Hand on what came, and grant as much again once it is taken."""
        while True:
            with self._changed:
                while not self._input and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                item, session = self._input.popleft(), self._session
            if session is None:
                continue
            if item is None:
                session.eof()
                return
            session.feed(*item)
            with self._changed:
                self._unfed -= len(item[1])
            self._control(encode("credit", stream=self.number, bytes=len(item[1])))
