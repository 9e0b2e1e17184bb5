"""What the token service answers, read from status, headers and body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1
_LONGEST_TEXT = 300
_LATEST = 1e11  # seconds since 1970; what is beyond is no date, and too large for clocks


@dataclass(frozen=True)
class Granted:
    """``expires_at``: seconds since 1970."""

    token: str = field(repr=False)
    profile: str
    scope: str
    audience: str
    expires_at: float


@dataclass(frozen=True)
class Refused:
    """Asking again soon helps nobody: something has to change first, a login or a membership."""

    reason: str


@dataclass(frozen=True)
class NotNow:
    """The service is away, busy or broken. ``retry_after``: the seconds that it asked for, else 0."""

    reason: str
    retry_after: float = 0


Answer = Granted | Refused | NotNow


def read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Of any reply, however broken. ``headers`` by lower-case names."""
    document = _object(body)
    if status == 200:
        return _granted(document)
    said = _one_line(document.get("message")) or "it doesn't say why"
    code = _one_line(document.get("error"))
    reason = f"{said} ({status}{f' {code}' if code else ''})"
    if 400 <= status < 500 and status not in (408, 429):
        return Refused(reason)
    return NotNow(reason, _seconds(headers.get("retry-after", "")))


def _granted(document: Mapping[str, Any]) -> Granted | NotNow:
    token, expires_at = document.get("access_token"), document.get("expires_at")
    if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        return NotNow("the answer holds no access token")
    if not is_time(expires_at):
        return NotNow("the answer doesn't say when the token expires")
    profile, scope, audience = (_one_line(document.get(name)) for name in ("profile", "scope", "audience"))
    return Granted(token, profile, scope, audience, float(expires_at))


def is_time(value: object) -> TypeGuard[int | float]:
    """Whether these are seconds since 1970 that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _one_line(text: object) -> str:
    """Made for logs and terminals: printable, and short."""
    if not isinstance(text, str):
        return ""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)[:_LONGEST_TEXT]


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
