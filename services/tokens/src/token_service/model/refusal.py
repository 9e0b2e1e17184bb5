"""Why a call isn't answered with a token."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended: the error code that callers see and the label of the counter, so the set stays small and fixed."""

    OK = "ok"
    BAD_REQUEST = "bad_request"
    NO_HUB_TOKEN = "no_hub_token"  # noqa: S105
    HUB_TOKEN_REFUSED = "hub_token_refused"  # noqa: S105
    NOT_A_USERS_SERVER = "not_a_users_server"
    LOGIN_ENDED = "login_ended"
    NOT_GRANTED = "not_granted"
    UNKNOWN_PROFILE = "unknown_profile"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    HUB_UNAVAILABLE = "hub_unavailable"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    MISCONFIGURED = "misconfigured"
    REFRESH_TOKENS_ROTATE = "refresh_tokens_rotate"
    INTERNAL = "internal"
    ABANDONED = "abandoned"

    @property
    def status(self) -> int:
        """401: show a server's token; 403: log in again, or ask for the right; 429, 503: later."""
        return _STATUS[self]


_STATUS = {
    Outcome.OK: 200,
    Outcome.BAD_REQUEST: 400,
    Outcome.NO_HUB_TOKEN: 401,
    Outcome.HUB_TOKEN_REFUSED: 401,
    Outcome.NOT_A_USERS_SERVER: 401,
    Outcome.LOGIN_ENDED: 403,
    Outcome.NOT_GRANTED: 403,
    Outcome.UNKNOWN_PROFILE: 404,
    Outcome.NOT_FOUND: 404,
    Outcome.METHOD_NOT_ALLOWED: 405,
    Outcome.RATE_LIMITED: 429,
    Outcome.BUSY: 503,
    Outcome.HUB_UNAVAILABLE: 503,
    Outcome.PROVIDER_UNAVAILABLE: 503,
    Outcome.MISCONFIGURED: 503,
    Outcome.REFRESH_TOKENS_ROTATE: 503,
    Outcome.INTERNAL: 500,
    Outcome.ABANDONED: 499,  # for nobody: the caller has left
}

# Nothing that a user can do about: an administrator has to look.
FOR_ADMINISTRATORS = frozenset({Outcome.MISCONFIGURED, Outcome.REFRESH_TOKENS_ROTATE})


class Refusal(Exception):
    """A call is refused. Neither text holds anything of a token."""

    def __init__(self, outcome: Outcome, message: str, *, reason: str = "", retry_after: float = 0) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        """For the caller: what is wrong, and what to do."""
        self.reason = reason or message
        """For the log."""
        self.retry_after = retry_after
        """Seconds after which asking again makes sense; 0: when something else has changed."""
        self.told = False
        """Whether the log has just said the same of the same caller: a flood of calls mustn't become one of lines."""

    def again(self, retry_after: float) -> "Refusal":
        """The same once more: a fresh exception, since one that is raised twice collects tracebacks."""
        return Refusal(self.outcome, self.message, reason=self.reason, retry_after=retry_after)
