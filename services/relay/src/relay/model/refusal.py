"""Why a call isn't connected."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended: the code that callers see and the label of the counter, so the set stays small and fixed."""

    OK = "ok"
    BAD_REQUEST = "bad_request"
    NO_TICKET = "no_ticket"
    BAD_TICKET = "bad_ticket"
    EXPIRED_TICKET = "expired_ticket"
    OTHER_MEMBER = "other_member"
    OTHER_PURPOSE = "other_purpose"
    UNKNOWN_ID = "unknown_id"
    UNKNOWN_CALL = "unknown_call"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NO_UPGRADE = "no_upgrade"
    TOO_MANY_FAILURES = "too_many_failures"
    RATE_LIMITED = "rate_limited"
    USER_LIMIT = "user_limit"
    CLUSTER_LIMIT = "cluster_limit"
    LISTENER_LIMIT = "listener_limit"
    BUSY = "busy"
    DRAINING = "draining"
    NOT_ANSWERED = "not_answered"
    INTERNAL = "internal"
    ABANDONED = "abandoned"

    @property
    def status(self) -> int:
        """401, 403: get another ticket; 404: nobody there; 429, 503: later; 504: the listener did not answer."""
        return _STATUS[self]


_STATUS = {
    Outcome.OK: 101,
    Outcome.BAD_REQUEST: 400,
    Outcome.NO_TICKET: 401,
    Outcome.BAD_TICKET: 401,
    Outcome.EXPIRED_TICKET: 401,
    Outcome.OTHER_MEMBER: 403,
    Outcome.OTHER_PURPOSE: 403,
    Outcome.UNKNOWN_ID: 404,
    Outcome.UNKNOWN_CALL: 404,
    Outcome.NOT_FOUND: 404,
    Outcome.METHOD_NOT_ALLOWED: 405,
    Outcome.NO_UPGRADE: 426,
    Outcome.TOO_MANY_FAILURES: 429,
    Outcome.RATE_LIMITED: 429,
    Outcome.USER_LIMIT: 429,
    Outcome.CLUSTER_LIMIT: 429,
    Outcome.LISTENER_LIMIT: 429,
    Outcome.BUSY: 503,
    Outcome.DRAINING: 503,
    Outcome.NOT_ANSWERED: 504,
    Outcome.INTERNAL: 500,
    Outcome.ABANDONED: 499,  # for nobody: the caller has left
}


class Refusal(Exception):
    """A call is refused. The text holds nothing of a ticket."""

    def __init__(self, outcome: Outcome, message: str, *, reason: str = "", retry_after: float = 1) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        """For the caller: what is wrong, and what to do."""
        self.reason = reason or message
        """For the log."""
        self.retry_after = retry_after
        """Seconds, where asking again makes sense."""
