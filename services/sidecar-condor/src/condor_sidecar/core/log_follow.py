"""What is new in a log since a follower looked at it last.

A follower keeps only a mark: logs are up to tens of megabytes, and there may be many followers.
"""

from typing import NamedTuple, Self

from condor_sidecar.core.log_lines import LogLine, lines

_OVERLAP = 512


class Mark(NamedTuple):
    """How far a follower has read: `end` bytes, with the last whole lines or a part of them in `tail`; `time` of the last line."""

    end: int
    tail: bytes
    time: bytes

    @classmethod
    def at_end(cls, data: bytes) -> Self:
        """All whole lines of `data` were read."""
        end = data.rfind(b"\n") + 1
        tail = data[max(0, end - _OVERLAP) : end]
        last_line = data[data.rfind(b"\n", 0, max(0, end - 1)) + 1 : end]
        return cls(end, tail, last_line.partition(b" ")[0])

    def moved(self, added: bytes) -> "Mark":
        """Whole lines that follow were read as well."""
        later = Mark.at_end(added)
        return Mark(self.end + later.end, (self.tail + later.tail)[-_OVERLAP:], later.time or self.time)


NOTHING = Mark(0, b"", b"")
"""Before the first look."""


def news(mark: Mark, fresh: bytes) -> list[LogLine]:
    """Lines of `fresh` beyond `mark`: normally it goes on there; the log of a finished job can have its middle cut out, then
    what is later than the last line counts."""
    if fresh[mark.end - len(mark.tail) : mark.end] == mark.tail:
        return list(lines(fresh[mark.end :]))
    at = fresh.rfind(mark.tail) if mark.tail else -1
    if at >= 0:
        return list(lines(fresh[at + len(mark.tail) :]))
    return [line for line in lines(fresh) if line.time > mark.time]
