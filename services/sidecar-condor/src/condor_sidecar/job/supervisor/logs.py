"""Container logs in CRI format: `<RFC 3339 time> stdout|stderr F|P <text>`, as a container runtime writes them.

A line of the container is one line of the log, or several if it is longer than 16 KiB; all but the last are then marked P, and
so is the end of an output that doesn't end with a newline. Logs are kept to a size: the head, and as much of the tail.
"""

import datetime
import os
import selectors
import threading
import time
from typing import Callable, List, Mapping, Tuple

from .channel_protocol import STDERR, STDOUT
from .complaints import trace
from .ends import read

CHUNK = 16 * 1024  # containerd's limit of one log line
HEAD = 256 * 1024  # of a log over its limit, this much of the beginning is kept

OnLine = Callable[[bytes], None]
OnData = Callable[[int, bytes], None]
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}


def stamp(now: float) -> str:
    """RFC 3339 in UTC with nine digits, as container runtimes write it."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=now)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%09dZ" % (moment.microsecond * 1000)


class LineFramer:
    """Cuts one output of a container into CRI lines."""

    def __init__(self, stream: str) -> None:
        self._stream = stream.encode("ascii")
        self._rest = b""

    def feed(self, data: bytes, now: float) -> List[bytes]:
        """The lines that are complete with `data`, each with its newline."""
        pieces = (self._rest + data).split(b"\n")
        self._rest = pieces.pop()
        lines = []
        for piece in pieces:
            last = max(0, len(piece) - 1) // CHUNK * CHUNK
            lines += [self._line(b"P", piece[start : start + CHUNK], now) for start in range(0, last, CHUNK)]
            lines.append(self._line(b"F", piece[last:], now))
        while len(self._rest) >= CHUNK:
            lines.append(self._line(b"P", self._rest[:CHUNK], now))
            self._rest = self._rest[CHUNK:]
        return lines

    def end(self, now: float) -> List[bytes]:
        """What is left when the output ends."""
        rest, self._rest = self._rest, b""
        return [self._line(b"P", rest, now)] if rest else []

    def _line(self, tag: bytes, text: bytes, now: float) -> bytes:
        return stamp(now).encode("ascii") + b" " + self._stream + b" " + tag + b" " + text + b"\n"


class LogFile:
    """One run's log on disk. Up to `limit` bytes it is kept whole; of a longer one, the head and the latest lines.

    Offsets count what was ever written; each lies between two lines. A line that can't be written, on a disk that is full, is
    lost, which a line in its place tells as soon as there is room for that.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._paths = [path, path + ".older", path + ".newer"]
        self._limit = limit
        self._head_limit = min(HEAD, limit // 2)
        self._lock = threading.Condition()
        self._ended = self._deleted = False
        self._lost, self._lost_since = 0, b""
        self._written = 0
        self._dropped = 0
        self._current = 0
        self._size = 0
        self._file = open(path, "wb", buffering=0)

    def write(self, line: bytes) -> None:
        """Add a line: to the first file until that is full, then to two more that take turns."""
        with self._lock:
            if self._deleted:
                return  # something of a container that ended long ago still writes
            try:
                if self._lost:
                    self._add(self._loss())
                    self._lost = 0
                self._add(line)
            except OSError:
                self._lost_since = self._lost_since if self._lost else line.split(b" ", 1)[0]
                self._lost += len(line)
            self._lock.notify_all()

    def _add(self, line: bytes) -> None:
        """Write the whole line or nothing of it. Raises OSError."""
        room = self._limit if self._current == 0 else (self._limit - self._head_limit) // 2
        if self._size and self._size + len(line) > room:
            self._turn()
        try:
            rest = line
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.seek(self._size)
            self._file.truncate()
            raise
        self._size += len(line)
        self._written += len(line)

    def _turn(self) -> None:
        """Go on in the next file. Raises OSError, and nothing has changed then."""
        older, newer = self._paths[1:]
        fresh = open(newer + ".next", "wb", buffering=0)
        if self._current != 0:
            dropped = os.path.getsize(older) if os.path.exists(older) else 0
            os.replace(newer, older)
            self._dropped += dropped
        os.replace(newer + ".next", newer)
        self._file.close()
        self._file, self._current, self._size = fresh, 2, 0

    def _loss(self) -> bytes:
        """The line that stands for lines that were lost."""
        words = b"%s stderr F [%d bytes of log are lost here: they could not be written]\n"
        return words % (self._lost_since, self._lost)

    def end(self) -> None:
        """Its container has ended: readers need wait no longer."""
        with self._lock:
            self._ended = True
            self._lock.notify_all()

    def wait(self, offset: int, seconds: float) -> bool:
        """Wait for lines beyond `offset`; whether there can still be any."""
        with self._lock:
            if self._written <= offset and not self._ended:
                self._lock.wait(seconds)
            return not self._deleted and (self._written > offset or not self._ended)

    def read(self, offset: int, most: int) -> Tuple[bytes, int]:
        """Whole lines from `offset` on, at most `most` bytes (one line at least), and the offset of what follows them.

        Lines that are no longer kept are replaced by one that says so.
        """
        with self._lock:
            if self._deleted and offset < self._written:
                return _gap(stamp(time.time()).encode("ascii"), self._written - offset), self._written
            start = 0
            for number, path in enumerate(self._paths):
                size = os.path.getsize(path) if os.path.exists(path) else 0
                if offset < start:
                    return _gap(_lines(path, 0, most), start - offset), start
                if offset < start + size:
                    data = _lines(path, offset - start, most)
                    return data, offset + len(data)
                start += size + (self._dropped if number == 0 else 0)
        return b"", offset

    def content(self) -> bytes:
        """The log so far, with a line that says how much was left out, where it was."""
        with self._lock:
            first, older, newer = (_read(path) for path in self._paths)
            left_out, loss = self._dropped, self._loss() if self._lost else b""
        return self._joined(first, older + newer, left_out) + loss

    def _joined(self, first: bytes, tail: bytes, left_out: int) -> bytes:
        if not tail:
            return first
        cut = first.rfind(b"\n", 0, self._head_limit) + 1
        head = first[:cut]
        if left_out:
            left_out += len(first) - cut  # it doesn't join on to what is left of the later lines
        else:
            tail = first[cut:] + tail
        excess = tail.find(b"\n", max(0, len(tail) - (self._limit - len(head)))) + 1
        left_out += excess
        return head + _gap(tail[excess:], left_out) + tail[excess:]

    @property
    def deleted(self) -> bool:
        """It is gone: what a reader of it missed is lost."""
        return self._deleted

    def size(self) -> int:
        """Bytes that it takes on the disk."""
        with self._lock:
            return sum(os.path.getsize(path) for path in self._paths if os.path.exists(path))

    def delete(self) -> None:
        """Nobody wants it any more. Who still reads it is told what is missing, and that it ends."""
        with self._lock:
            self._deleted = True
            self._lock.notify_all()
            self._file.close()
            for path in self._paths:
                if os.path.exists(path):
                    os.unlink(path)

    def last_lines(self, lines: int, size: int) -> bytes:
        """The text of the last `lines` lines, at most `size` bytes of it: what a kubelet shows when a container left no message."""
        return b"".join(_text(line) for line in self.content().split(b"\n")[-lines - 1 : -1])[-size:]


def _gap(later: bytes, left_out: int) -> bytes:
    """The line that stands for what is left out before the lines `later`."""
    return b"%s stderr F [%d bytes of log are left out here]\n" % (later.split(b" ", 1)[0], left_out)


def _lines(path: str, start: int, most: int) -> bytes:
    """Whole lines of a file, at most `most` bytes of it."""
    with open(path, "rb") as file:
        file.seek(start)
        data = file.read(most)
    return data[: data.rfind(b"\n") + 1] or data


def _text(line: bytes) -> bytes:
    """What the container wrote, of a CRI line."""
    _, _, tag, text = line.split(b" ", 3)
    return text + b"\n" if tag == b"F" else text


def _read(path: str) -> bytes:
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


class Pump(threading.Thread):
    """Moves the outputs of one container to its log, a line at a time, and to who listens, until the container closed them."""

    def __init__(self, name: str, outputs: Mapping[int, int], on_line: OnLine, on_data: OnData) -> None:
        """`outputs`: what to read, and whether it is STDOUT or STDERR."""
        super().__init__(name="log of " + name, daemon=True)
        self._kinds = dict(outputs)
        self._outputs = {each: LineFramer(_NAMES[kind]) for each, kind in outputs.items()}
        self._on_line, self._on_data = on_line, on_data
        self._complained = False

    def run(self) -> None:
        """Read what comes; ends at the end of all outputs. They are closed then, so that nobody waits for a reader."""
        try:
            with selectors.DefaultSelector() as selector:
                for descriptor in self._outputs:
                    selector.register(descriptor, selectors.EVENT_READ)
                while self._outputs:
                    for key, _ in selector.select():
                        self._read(key.fd, selector)
        finally:
            for descriptor in self._outputs:
                os.close(descriptor)

    def _read(self, descriptor: int, selector: selectors.BaseSelector) -> None:
        framer = self._outputs[descriptor]
        data = read(descriptor, 65536)
        if data is None:
            return
        self._hand_on(descriptor, framer.feed(data, time.time()) if data else framer.end(time.time()), data)
        if not data:
            selector.unregister(descriptor)
            del self._outputs[descriptor]
            os.close(descriptor)

    def _hand_on(self, descriptor: int, lines: List[bytes], data: bytes) -> None:
        try:
            for line in lines:
                self._on_line(line)
            if data:
                self._on_data(self._kinds[descriptor], data)
        except Exception:  # whatever becomes of it, a container that isn't read waits for ever
            if not self._complained:
                trace()
            self._complained = True
