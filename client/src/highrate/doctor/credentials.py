"""The session's token and proxy."""

import time
from collections.abc import Mapping
from pathlib import Path

from highrate.doctor.finding import Finding, absent, bad, doubtful, good
from highrate.tokens import settings, token_file
from highrate.tokens.settings import SettingsError

_LATE = 0.1
"""Part of its life that is left when a token should have been renewed: the agent does it earlier."""


def token(environ: Mapping[str, str], now: float | None = None) -> Finding:
    now = time.time() if now is None else now
    if environ.get("BEARER_TOKEN"):
        return doubtful(
            "BEARER_TOKEN is set, and programs take it before the token that is kept fresh",
            "Unset it (unset BEARER_TOKEN), unless you mean to use another token.",
        )
    try:
        service = settings.from_environment(environ)
    except SettingsError as problem:
        return bad(str(problem), "Restart the server; if it stays, tell your administrators.")
    place = settings.file(environ)
    if not place.is_file():
        if service is None:
            return absent("the platform has no token service")
        return bad(f"there is no token in {place}", "Log out and in again; the session's log says why it was refused.")
    return _in_file(place, now)


def _in_file(place: Path, now: float) -> Finding:
    note = token_file.read_note(place)
    if note is None:
        return doubtful(
            f"{place} holds a token that the platform doesn't know", "Make sure that it is yours and valid."
        )
    left = note.expires_at - now
    if left <= 0:
        return bad(f"the token in {place} expired {-left / 60:.0f} min ago", "Log out and in again.")
    if left < _LATE * (note.expires_at - place.stat().st_mtime):
        return doubtful(
            f"the token expires in {left:.0f} s", "It should have been renewed: run `highrate doctor` again."
        )
    return good(f"profile {note.profile or 'default'}, good for {left / 60:.0f} min more")


def proxy(environ: Mapping[str, str], now: float | None = None) -> Finding:
    """Its age stands for its validity: to read certificates, more than the standard library is needed."""
    now = time.time() if now is None else now
    place = Path(environ.get("X509_USER_PROXY", ""))
    if not environ.get("X509_USER_PROXY") or not place.is_file():
        return absent("there is no VOMS proxy; `voms-proxy-init` makes one where a service asks for it")
    if place.stat().st_mode & 0o077:
        return bad(f"{place} can be read by others", f"chmod 600 {place}")
    hours = (now - place.stat().st_mtime) / 3600
    if hours > 12:
        return doubtful(f"the proxy is {hours:.0f} h old, and most are good for 12", "Run voms-proxy-init again.")
    return good(f"{place}, made {hours:.0f} h ago")
