"""What the gate says about a call: a caller it knows, or a refusal with its reason."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Why a call was let in or not; the label of the request counter, so the set stays small and fixed."""

    ALLOWED = "allowed"
    MISSING = "missing"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_ISSUER = "unknown_issuer"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    AUDIENCE = "audience"
    CLAIMS = "claims"
    FORBIDDEN = "forbidden"
    KEYS_UNAVAILABLE = "keys_unavailable"

    @property
    def status(self) -> int:
        """401: show another token; 403: this caller may not; 503: we can't tell now, ask again."""
        match self:
            case Outcome.ALLOWED:
                return 200
            case Outcome.FORBIDDEN:
                return 403
            case Outcome.KEYS_UNAVAILABLE:
                return 503
            case _:
                return 401


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal. `reason` is for the log alone: a caller learns nothing but the status."""

    outcome: Outcome
    reason: str
    subject: str = ""
    """Who was refused, once a signature has vouched for it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the verified token says it. Groups are in the slash form (`/icsc/admins`)."""

    issuer: str
    subject: str
    user: str
    email: str
    client: str
    groups: frozenset[str]
    scopes: frozenset[str]
