"""The work of `up` as a graph of small steps, with progress on screen and one log file per step.

A step is idempotent: it looks first and does what is missing. That is all there is to resuming: after Ctrl-C or a failure the
same graph runs again, and what is done costs nothing. Steps that don't need each other run at the same time, so that
compilers and downloads overlap.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from devcluster.commands import run_logged

PARALLEL = 4

_interrupted = threading.Event()


class Interrupted(Exception):
    """Somebody pressed Ctrl-C; raised in steps that wait for something."""


def pause(seconds: float) -> None:
    """Sleep inside of a step. Raises Interrupted at once after Ctrl-C."""
    if _interrupted.wait(seconds):
        raise Interrupted


class StepFailed(Exception):
    """A step ended the run; the message says which one, why, and where its log is."""


@dataclass(frozen=True)
class StepLog:
    """Where a running step writes, and how it says what it is at."""

    path: Path
    note: Callable[[str], None]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Run a command with its output in the step's log. Raises CommandFailed."""
        run_logged(argv, self.path, env=env, cwd=cwd, stdin=stdin, timeout=timeout)

    def write(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as sink:
            sink.write(text.rstrip("\n") + "\n")


@dataclass(frozen=True)
class Step:
    """``run`` makes sure that something is so; ``needs`` names steps that must have ended well before."""

    name: str
    title: str
    run: Callable[[StepLog], None]
    needs: tuple[str, ...] = ()


def check_graph(steps: Sequence[Step]) -> None:
    """Names are unique, and every need is met by a step further up. Raises ValueError."""
    seen: set[str] = set()
    for step in steps:
        missing = [need for need in step.needs if need not in seen]
        if missing:
            raise ValueError(f"step {step.name} needs {', '.join(missing)}, which no earlier step provides")
        if step.name in seen:
            raise ValueError(f"two steps are called {step.name}")
        seen.add(step.name)


def run_steps(steps: Sequence[Step], logs: Path, console: Console) -> None:
    """Run all steps, up to PARALLEL at a time. Raises StepFailed after the steps already begun have ended.

    Ctrl-C reaches the programs that steps run directly (they are in our process group) and the steps' waiting by pause().
    """
    check_graph(steps)
    logs.mkdir(parents=True, exist_ok=True)
    _interrupted.clear()
    with _Board(console) as board, ThreadPoolExecutor(PARALLEL) as pool:
        try:
            failed = _run_graph(steps, logs, board, pool)
        except KeyboardInterrupt:
            _interrupted.set()
            raise
    if failed:
        step, problem = failed[0]
        raise StepFailed(f"{step.title}: {problem}\nlog: {logs / f'{step.name}.log'}") from problem


def _run_graph(
    steps: Sequence[Step], logs: Path, board: "_Board", pool: ThreadPoolExecutor
) -> list[tuple[Step, BaseException]]:
    waiting = list(steps)
    running: dict[Future[None], Step] = {}
    done: set[str] = set()
    failed: list[tuple[Step, BaseException]] = []
    while waiting or running:
        ready = [] if failed else [step for step in waiting if done.issuperset(step.needs)]
        for step in ready[: PARALLEL - len(running)]:
            waiting.remove(step)
            running[pool.submit(_run_one, step, logs, board)] = step
        if not running:
            break
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            step = running.pop(future)
            problem = future.exception()
            if problem is None:
                done.add(step.name)
            else:
                failed.append((step, problem))
    return failed


def _run_one(step: Step, logs: Path, board: "_Board") -> None:
    path = logs / f"{step.name}.log"
    path.unlink(missing_ok=True)
    with board.line(step.title) as line:
        step.run(StepLog(path, line.note))


class _Board:
    """What is on screen: a line per running step on a terminal, a line per finished step otherwise and above."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._lock = threading.Lock()

    def __enter__(self) -> "_Board":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def line(self, title: str) -> "_Line":
        return _Line(self, self._progress, title)

    def say(self, text: str) -> None:
        with self._lock:
            self._console.print(text, highlight=False)


class _Line:
    def __init__(self, board: _Board, progress: Progress, title: str) -> None:
        self._board = board
        self._progress = progress
        self._title = title
        self._task: TaskID | None = None
        self._begin = 0.0

    def __enter__(self) -> "_Line":
        self._begin = time.monotonic()
        self._task = self._progress.add_task(self._title, total=None, note="")
        return self

    def note(self, text: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, note=text)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        mark = "[green]ok[/]" if kind is None else "[red]failed[/]"
        self._board.say(f"{mark:>4} {self._title} [dim]{time.monotonic() - self._begin:.1f} s[/]")
