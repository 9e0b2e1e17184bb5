"""The file with the token, and a note beside it that says what the token is without holding it.

Both are replaced by renaming, so that a reader sees one whole token or another. The note counts only for the token that it was
written for: it names it by a hash.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from highrate import private_file
from highrate.journal import say
from highrate.tokens.answer import Granted, is_time


@dataclass(frozen=True)
class Note:
    """What is known of the token in the file. ``expires_at``: seconds since 1970."""

    profile: str
    scope: str
    audience: str
    expires_at: float


def write(place: Path, granted: Granted) -> None:
    """Mode 0600. Raises OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = Note(granted.profile, granted.scope, granted.audience, granted.expires_at)
    private_file.replace(place, granted.token.encode())
    fingerprint = _fingerprint(granted.token)
    private_file.replace(_note_of(place), json.dumps({**asdict(note), "sha256": fingerprint}).encode())


def read_note(place: Path) -> Note | None:
    """Of the token that is there now; None if there is none, or nothing is known of it."""
    try:
        document = json.loads(_note_of(place).read_text())
        if document.pop("sha256") != _fingerprint(place.read_text()):
            return None
        note = Note(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return note if is_time(note.expires_at) else None  # others can write there


def remove(place: Path) -> None:
    """Raises OSError."""
    for gone in (place, _note_of(place)):
        gone.unlink(missing_ok=True)


def sweep(place: Path) -> None:
    """Remove what a writer left that was killed before it renamed; what can't be removed is told, and stays."""
    try:
        for name in (place.name, _note_of(place).name):
            for draft in place.parent.glob(f".{name}.*"):
                draft.unlink(missing_ok=True)
    except OSError as problem:  # no reason to be without a token
        say(f"A part of an old token can't be removed: {problem}", warning=True)


def _note_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
