"""What brings the platform back after a run, whatever became of the run and of the rest of the way back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from devcluster.steps import StepLog


class Undo(Protocol):
    """Registers one way back, ``what`` in words; said before what it undoes is begun."""

    def __call__(self, what: str, back: Callable[[], object]) -> None: ...


class NotUndone(Exception):
    """The platform is not as it was; the message says what is not, and what to do."""


@contextmanager
def undoing(log: StepLog) -> Iterator[Undo]:
    """All ways back are tried, the last one first. One that fails is told, but never in place of the run's own error."""
    problems: list[str] = []

    def tried(what: str, back: Callable[[], object]) -> None:
        try:
            back()
        except Exception as problem:  # noqa: BLE001 - the other ways back don't depend on it
            problems.append(f"{what}: {problem}")
            log.write(f"not as before the run: {problems[-1]}")

    with ExitStack() as stack:

        def undo(what: str, back: Callable[[], object]) -> None:
            stack.callback(tried, what, back)

        yield undo
    if problems:
        raise NotUndone("not as before the run, run `python -m devcluster up`: " + "; ".join(problems))
