"""What came of asking for a token."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Granted:
    """A token that will do. Neither it nor the refresh token shows up where this is printed."""

    token: str = field(repr=False)
    expires_at: float
    """Seconds since 1970."""
    refresh_token: str | None = field(default=None, repr=False)
    """The one to use next time, where the issuer gives a new one."""
    remarks: tuple[str, ...] = ()
    """What is odd about the token, but no reason to refuse it."""


class RefreshFailed(Exception):
    """No usable token was granted. The text is fit for the log: it holds nothing of a token."""

    def __init__(self, reason: str, *, error: str = "", retry_after: float = 0) -> None:
        super().__init__(reason)
        self.error = error
        """The issuer's error code (RFC 6749, 5.2), such as invalid_grant."""
        self.retry_after = retry_after
        """Seconds that the issuer asked us to wait."""
