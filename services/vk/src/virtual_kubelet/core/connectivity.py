"""Is the other side there, and if not, why: one word for machines and a sentence for people."""

import base64
import json
from dataclasses import dataclass

from interlink.protocol.errors import InterlinkError

FAILURES_TO_BELIEVE = 2
"""Failed pings in a row until a restart of the server is called an outage."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """What the last pings say. `connected` None: not tried yet."""

    connected: bool | None = None
    reason: str = "NotTriedYet"
    message: str = "the interLink API server was not asked yet"
    failures: int = 0


CONNECTED = Connectivity(True, "InterlinkPingSuccessful", "the interLink API server and its plugin answer")


def after_failure(before: Connectivity, error: InterlinkError, token_expired: bool) -> Connectivity:
    """Believed at once if the caller was refused, else at the second failure in a row."""
    failures = before.failures + 1
    reason, message = _words(error, token_expired)
    refused = reason in ("TokenExpired", "Unauthorized", "Forbidden")
    if refused or failures >= FAILURES_TO_BELIEVE:
        return Connectivity(False, reason, message, failures)
    return Connectivity(before.connected, before.reason, before.message, failures)


def _words(error: InterlinkError, token_expired: bool) -> tuple[str, str]:
    said = error.reason.strip()[:512]
    if error.http_status == 401 and token_expired:
        return (
            "TokenExpired",
            "the token for the interLink API server has expired (401); is the token refresher at work?",
        )
    if error.http_status == 401:
        return "Unauthorized", f"the interLink API server does not accept our token (401): {said}"
    if error.http_status == 403:
        return "Forbidden", f"our token is valid but may not use this interLink API server (403): {said}"
    return "Unreachable", f"the interLink API server or its plugin does not answer ({error.http_status}): {said}"


def is_expired(token: str, now: float) -> bool:
    """Does the token say by itself that it has expired? Only to tell people why: nobody is trusted because of it."""
    claims = _claims(token)
    expires = claims.get("exp")
    return isinstance(expires, int | float) and expires <= now


def _claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
