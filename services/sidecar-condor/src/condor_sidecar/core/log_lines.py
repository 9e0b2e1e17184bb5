"""Log options on lines in CRI format: what `kubectl logs` asked for, out of what a container wrote.

A line is `RFC3339Nano stdout|stderr F|P text`; P marks a part of a line that goes on in the next one. The order of the options
is the kubelet's: tail, then since, then the byte limit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interlink.protocol.types import ZERO_TIME, LogOptions

from condor_sidecar.core.state import epoch

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, or a part of one (`whole` False)."""

    time: bytes
    whole: bool
    text: bytes


def lines(data: bytes) -> Iterator[LogLine]:
    """The lines in `data`; one that isn't in CRI format, or is cut, is left out."""
    for raw in data.split(b"\n")[:-1]:
        parts = raw.split(b" ", 3)
        if len(parts) == 4 and parts[2] in (b"F", b"P"):
            yield LogLine(parts[0], parts[2] == b"F", parts[3])
        elif len(parts) == 3 and parts[2] in (b"F", b"P"):
            yield LogLine(parts[0], parts[2] == b"F", b"")


def after(found: Iterator[LogLine], options: LogOptions, now: float) -> Iterator[LogLine]:
    """Those written since the moment that `options` name."""
    since = now - options.SinceSeconds if options.SinceSeconds > 0 else None
    if options.SinceTime and options.SinceTime != ZERO_TIME:
        since = epoch(options.SinceTime)
    if since is None:
        yield from found
        return
    for line in found:
        written = epoch(line.time.decode("ascii", "replace"))
        if written is None or written >= since:
            yield line


def tail(data: bytes, count: int) -> int:
    """Where the last `count` whole lines of `data` begin, with all their parts; 0 for 0 (the wire's "no limit").

    Goes back from the end: of a log of many megabytes, mostly a few lines are asked for.
    """
    start = end = data.rfind(b"\n") + 1 if count > 0 else 0
    wanted = count
    while start > 0:
        before = data.rfind(b"\n", 0, start - 1) + 1
        (line,) = list(lines(data[before:start])) or (None,)
        # going back over the end of a line before this one
        if line is not None and (start == end or line.whole):
            if wanted == 0:
                break
            wanted -= 1
        elif line is None and start == end:
            end = before
        start = before
    return start


def pieces(data: bytes, start: int) -> Iterator[bytes]:
    """`data` from `start` on in pieces of whole lines, each as long as PIECE, or one line."""
    while start < len(data):
        end = data.rfind(b"\n", start, start + PIECE) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


class LogWriter:
    """Lines into the text that is sent: time stamps if asked for, and never more bytes than allowed."""

    def __init__(self, options: LogOptions) -> None:
        self._timestamps = options.Timestamps
        self._left = options.Bytes if options.Bytes > 0 else None
        self._inside_line = False

    @property
    def full(self) -> bool:
        """The byte limit is reached."""
        return self._left == 0

    def text(self, chosen: Iterable[LogLine]) -> bytes:
        """What to send for these lines."""
        parts: list[bytes] = []
        for line in chosen:
            if self._timestamps and not self._inside_line:
                parts.append(line.time + b" ")
            parts.append(line.text + (b"\n" if line.whole else b""))
            self._inside_line = not line.whole
        data = b"".join(parts)
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return data
