"""How long a container waits before it is tried again: a kubelet's numbers.

The first failure is followed by another try at once or after `FIRST`, as the caller says, each further one by a pause twice as
long as the one before, up to `MOST`. What went well for `FORGET` starts anew.
"""

from typing import Optional

FIRST, MOST, FORGET = 10.0, 300.0, 600.0  # seconds


class BackOff:
    """The pauses of one container. `free` tries come at once."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._failures = 0
        self._resumed: Optional[float] = None

    def failed(self, now: float) -> float:
        """Seconds to wait after a failure at `now`."""
        if self._resumed is not None and now - self._resumed > FORGET:
            self._failures = 0
        self._resumed = None
        self._failures += 1
        doublings = self._failures - self._free - 1
        if doublings < 0:
            return 0.0
        return min(MOST, FIRST * 2.0 ** min(doublings, 16))

    def resumed(self, now: float) -> None:
        """It is tried again, at `now`: how long it goes well counts from here."""
        self._resumed = now
