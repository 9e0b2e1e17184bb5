"""How long a container is tried that can't be made: for want of its image, or by its configuration. No I/O and no clock.

A kubelet tries for ever; a job occupies its slot meanwhile, so that there is an end to it. The failure of a pull is shown for a
while, then the pause before the next one, as a kubelet shows them.
"""

from typing import Optional

from .backoff import BackOff

PULL_FAILED, PULL_PAUSED = "ErrImagePull", "ImagePullBackOff"
SHOWN = 5.0  # seconds


class Patience:
    """The tries of one container."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failures = BackOff(free=0)
        self._since: Optional[float] = None
        self._pause_shown_at: Optional[float] = None
        self._due = 0.0

    def failed(self, reason: str, now: float) -> bool:
        """A try failed; whether there will be another."""
        if self._since is None:
            self._since = now
        until = self._since + self._seconds
        if now >= until:
            return False
        self.wait_until(min(until, now + self._failures.failed(now)))
        self._pause_shown_at = now + SHOWN if reason == PULL_FAILED else None
        return True

    def succeeded(self) -> None:
        """It was made."""
        self._since = None
        self._failures = BackOff(free=0)

    def wait_until(self, due: float) -> None:
        """The next try is at `due`, whatever it waits for."""
        self._due, self._pause_shown_at = due, None

    def wake_at(self) -> float:
        """When something is to be done."""
        return self._due if self._pause_shown_at is None else min(self._due, self._pause_shown_at)

    def is_over(self, now: float) -> bool:
        """Whether it is time for the next try."""
        return now >= self._due

    def shows_pause(self, now: float) -> bool:
        """Whether it is time to show the pause; True once."""
        if self._pause_shown_at is None or now < self._pause_shown_at:
            return False
        self._pause_shown_at = None
        return True
