"""The programs of a machine, as its PID 1 reads and reports them: one small file each (see machine_init.py)."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """Something that shall run: started in ``order``, stopped in the reverse one, started again when it dies."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: str = ""
    order: int = 50
    stop_signal: str = "SIGTERM"
    stop_seconds: float = 10.0


@dataclass(frozen=True)
class ProgramState:
    """What PID 1 last said: pid inside the machine (0: not running), number of starts, exit status of the last run."""

    name: str
    pid: int
    starts: int
    last_exit: int | None


def want(control: Path, program: Program) -> bool:
    """Write down that the program shall run; False if just that was wanted already."""
    place = _place(control, program.name)
    text = json.dumps(asdict(program))
    if place.is_file() and place.read_text() == text:
        return False
    write(control, program.name, text)
    return True


def description(control: Path, name: str) -> str:
    """What is written down of a program that shall run, as `write` takes it. Raises FileNotFoundError."""
    return _place(control, name).read_text()


def write(control: Path, name: str, description: str) -> None:
    place = _place(control, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".draft")
    draft.write_text(description)
    draft.replace(place)


def forget(control: Path, name: str) -> None:
    _place(control, name).unlink(missing_ok=True)


def wanted(control: Path) -> tuple[str, ...]:
    """Names of all programs that shall run."""
    return tuple(sorted(place.stem for place in _wanted_folder(control).glob("*.json")))


def states(control: Path) -> dict[str, ProgramState]:
    """What runs, as PID 1 reports it."""
    found: dict[str, ProgramState] = {}
    for place in sorted((control / "state").glob("*.json")):
        with contextlib.suppress(OSError, json.JSONDecodeError):
            state = ProgramState(**json.loads(place.read_text()))
            found[state.name] = state
    return found


def _place(control: Path, name: str) -> Path:
    return _wanted_folder(control) / f"{name}.json"


def _wanted_folder(control: Path) -> Path:
    return control / "programs"
