"""The three kinds of error that travel between the parts, and their HTTP statuses.

**Rejected**: the pod can never run there; its owner must change it. **Not now**: nothing happened; ask again later.
**Lost track**: nobody knows whether it happened; ask for the UID before anything else.
"""

from collections.abc import Sequence

from service_runtime.http_client import retry_after as asked_wait

REJECTED_STATUSES = frozenset({400, 413, 422})
# a proxy in between answers without words
WORDLESS = {413: "the pod with its ConfigMaps, Secrets and tokens is larger than what is let through on the way (413)"}
NOT_NOW_STATUSES = frozenset({401, 403, 404, 408, 429, 503})


class InterlinkError(Exception):
    """Base of what a call can fail with; `http_status` is what a server answers for it."""

    http_status = 500

    def __init__(self, reason: str, http_status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        if http_status is not None:
            self.http_status = http_status


class Rejected(InterlinkError):
    """The request can never succeed; `reasons` has all that is wrong, in words for the pod's owner."""

    http_status = 422

    def __init__(self, reasons: Sequence[str], http_status: int | None = None) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(self.reasons), http_status)


class NotNow(InterlinkError):
    """Nothing was done; the same request may succeed later, after `retry_after` seconds if the other side said so."""

    http_status = 503

    def __init__(self, reason: str, retry_after: float | None = None, http_status: int | None = None) -> None:
        super().__init__(reason, http_status)
        self.retry_after = retry_after


class NoConnection(NotNow):
    """Not even asked: no connection came about."""


class LostTrack(InterlinkError):
    """The outcome is unknown: a server error, a cut connection, a deadline, a reply that makes no sense."""

    http_status = 502


def from_status(status: int, body: str, retry_after: str | None = None) -> InterlinkError:
    """The error that a reply with `status` (anything but 2xx) and the text `body` stands for."""
    text = body.strip() or WORDLESS.get(status, f"HTTP status {status}")
    if status in REJECTED_STATUSES:
        return Rejected([line for line in text.splitlines() if line.strip()], status)
    if status in NOT_NOW_STATUSES:
        return NotNow(text, asked_wait(retry_after or "") or None, status)
    return LostTrack(text, status)
