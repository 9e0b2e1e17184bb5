"""Running other programs: one way, with their output in a log file and a readable error."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devcluster.leash import mark

TAIL_LINES = 12


class CommandFailed(Exception):
    """A program ended badly; the message has its last lines and where the rest is."""

    def __init__(self, argv: Sequence[str], status: int, output: str, log: Path | None = None) -> None:
        self.argv = tuple(argv)
        self.status = status
        self.output = output
        shown = " ".join(argv[:4]) + (" ..." if len(argv) > 4 else "")
        tail = "\n".join(output.rstrip().splitlines()[-TAIL_LINES:])
        where = f"\n(all of it: {log})" if log else ""
        super().__init__(f"`{shown}` ended with {status}:\n{tail}{where}")


class ProgramMissing(CommandFailed):
    """There is no such program on this machine."""

    def __init__(self, argv: Sequence[str]) -> None:
        super().__init__(argv, 127, f"there is no program {argv[0]} on this machine: install it and try again")


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    check: bool = True,
    shown: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a short command and keep what it says. Raises CommandFailed (as ``shown``) unless ``check`` is off.

    A program that isn't there is a ProgramMissing either way.
    """
    words = [str(word) for word in argv]
    with _program_found(words):
        done = subprocess.run(
            words,
            input=stdin,
            env=env,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if check and done.returncode:
        raise CommandFailed(shown or words, done.returncode, done.stdout + done.stderr)
    return done


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    shown: Sequence[str] = (),
) -> None:
    """Run a long command with its output appended to ``log``. Raises CommandFailed (as ``shown``) with the last lines."""
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink, _program_found(words):
        start = sink.tell()
        done = subprocess.run(
            words,
            input=None if stdin is None else stdin.encode(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=None if env is None else {**env, **mark()},
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
    if done.returncode:
        with log.open("rb") as source:
            source.seek(start)
            output = source.read().decode(errors="replace")
        raise CommandFailed(shown or words, done.returncode, output, log)


@contextmanager
def _program_found(argv: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if error.filename != argv[0]:
            raise
        raise ProgramMissing(argv) from None
