"""How fast the data of one user may flow."""


class Pace:
    """Lets a second's worth pass at once, and says how long to wait when more has passed.

    What has arrived is passed on whole; whoever sent it waits afterwards. So the debt is never more than one reading.
    """

    def __init__(self, bytes_per_second: int | None) -> None:
        self._rate = bytes_per_second
        self._level = float(bytes_per_second or 0)
        self._at: float | None = None

    def spend(self, count: int, now: float) -> float:
        """Seconds to wait after `count` bytes at `now` (seconds of any clock)."""
        if self._rate is None:
            return 0.0
        since = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._level = min(float(self._rate), self._level + since * self._rate) - count
        return max(0.0, -self._level / self._rate)
