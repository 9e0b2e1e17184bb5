"""The command `highrate token`."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from highrate.tokens import service, settings, token_file
from highrate.tokens.answer import Granted, NotNow, Refused
from highrate.tokens.token_file import Note

GOOD, NONE, UNUSABLE, LATER = 0, 1, 2, 75  # 75: EX_TEMPFAIL, trying again may help

SUMMARY = "tell about the session's access token, or fetch one of another profile"
DESCRIPTION = """Without options: where the session's token is, how long it is good and what for; the token itself is never
shown. With --profile or --file: a token is fetched. Exit codes: 0 there is a good token, 1 there is none or it was refused, 2 this
is no session with tokens, 75 the token service doesn't answer now."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", metavar="NAME", help="fetch a token of this profile and print it, bare")
    parser.add_argument(
        "--file", metavar="PATH", type=Path, help="put the fetched token there (mode 0600) instead of printing it"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.profile is None and arguments.file is None:
        return _tell()
    try:
        found = settings.from_environment()
    except settings.SettingsError as problem:
        return _say(str(problem), UNUSABLE)
    if found is None:
        return _say(
            "HIGHRATE_TOKENS_URL is not set: this is no session, or the platform has no token service", UNUSABLE
        )
    answer = service.ask(found, found.profile if arguments.profile is None else arguments.profile)
    if isinstance(answer, Refused):
        return _say(f"no token: {answer.reason}", NONE)
    if isinstance(answer, NotNow):
        return _say(f"no token for now: {answer.reason}", LATER)
    return _deliver(answer, arguments.file)


def _deliver(answer: Granted, place: Path | None) -> int:
    if place is None:
        print(answer.token)
        return GOOD
    try:
        token_file.write(place, answer)
    except OSError as problem:
        return _say(f"the token can't be written: {problem}", UNUSABLE)
    print(describe(place, token_file.read_note(place), time.time()))
    return GOOD


def _tell() -> int:
    place = settings.file()
    if not place.is_file():
        return _say(f"there is no token in {place}; the session's log says why", NONE)
    note = token_file.read_note(place)
    print(describe(place, note, time.time()))
    return GOOD if note is None or note.expires_at > time.time() else NONE


def describe(place: Path, note: Note | None, now: float) -> str:
    """Lines of name and value."""
    if note is None:
        return f"file      {place}\nexpires   unknown: it was not written by the platform"
    left = note.expires_at - now
    until = f"{datetime.fromtimestamp(note.expires_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"file      {place}",
        f"profile   {note.profile}",
        f"expires   {until}, {f'in {_duration(left)}' if left > 0 else 'it has expired'}",
        f"scopes    {note.scope or '(none)'}",
        f"audience  {note.audience or '(none)'}",
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _say(text: str, code: int) -> int:
    print(f"highrate token: {text}", file=sys.stderr)
    return code
