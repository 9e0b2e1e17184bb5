"""A person's login as the hub keeps it, and a token that the provider made of it."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """What the provider granted when somebody logged in. The refresh token doesn't show up where this is printed."""

    user: str
    """The name in the hub."""
    subject: str
    """The identity with the provider; "" if the hub doesn't say."""
    refresh_token: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """The same for the same login only; it stands for the login where that is remembered, and gives nothing away."""
        return hashlib.sha256(f"{self.user}\0{self.subject}\0{self.refresh_token}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Granted:
    """A token for a pod. It doesn't show up where this is printed."""

    token: str = field(repr=False)
    scope: tuple[str, ...]
    """What it may be used for, as far as the provider says; else what was asked for."""
    missing: tuple[str, ...]
    """What was asked for and not granted."""
    granted_at: float
    """Seconds since 1970."""
    expires_at: float
    """Seconds since 1970."""
