"""What a ticket says, once its signature and its claims are good."""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a ticket opens."""

    LISTEN = "listen"
    DIAL = "dial"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose connection it is."""

    user: str
    cluster: str
    purpose: Purpose
    expires_at: float
    """Seconds since 1970."""
