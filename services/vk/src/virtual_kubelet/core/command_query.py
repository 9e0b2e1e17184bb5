"""What the query of `/exec` and `/attach` asks for: a kubelet's names, and the API server's for those who call directly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

NAMES = {"stdin": ("input", "stdin"), "stdout": ("output", "stdout"), "stderr": ("error", "stderr"), "tty": ("tty",)}


class Query(Protocol):
    """A query with repeated keys."""

    def getall(self, key: str, default: list[str]) -> list[str]: ...


class CommandQueryError(Exception):
    """The query can't be served; the text is for the user."""


@dataclass(frozen=True, slots=True)
class CommandQuery:
    """Which streams, and the command; none for an attachment."""

    command: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


def command_query(query: Query, *, attach: bool) -> CommandQuery:
    """Raises CommandQueryError."""
    wanted = {name: any(_is_true(query.getall(key, [])) for key in keys) for name, keys in NAMES.items()}
    command = () if attach else tuple(query.getall("command", []))
    if not attach and not command:
        raise CommandQueryError("no command was given (command)")
    if not (wanted["stdin"] or wanted["stdout"] or wanted["stderr"]):
        raise CommandQueryError("you must specify at least 1 of stdin, stdout, stderr")
    # as a kubelet has it: a terminal has one output
    return CommandQuery(
        command, wanted["stdin"], wanted["stdout"], wanted["stderr"] and not wanted["tty"], wanted["tty"]
    )


def _is_true(values: Iterable[str]) -> bool:
    return any(value in ("1", "true") for value in values)


def first_common(wanted: Iterable[str], known: Mapping[str, object] | Iterable[str]) -> str | None:
    """The first of the wanted protocols that is known."""
    names = set(known)
    return next((name for name in wanted if name in names), None)
