"""PID 1 of a machine, run here as an ordinary process: programs are kept running, and stopped in order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from devcluster.machine_programs import Program, ProgramState

from devcluster import machine_init, machine_programs

DEADLINE = 20.0


class RunningInit:
    """The program and the folder through which it is told what shall run."""

    def __init__(self, control: Path) -> None:
        self.control = control
        source = Path(machine_init.__file__)
        self.process = subprocess.Popen([sys.executable, "-I", str(source), str(control)], stdout=subprocess.DEVNULL)

    def want(self, program: Program) -> None:
        machine_programs.want(self.control, program)
        self.process.send_signal(signal.SIGHUP)

    def state(self, name: str) -> ProgramState | None:
        return machine_programs.states(self.control).get(name)

    def pid(self, name: str) -> int:
        state = self.state(name)
        return state.pid if state else 0

    def log(self, name: str) -> str:
        place = self.control / "logs" / f"{name}.log"
        return place.read_text() if place.is_file() else ""


@pytest.fixture
def init(tmp_path: Path) -> Iterator[RunningInit]:
    running = RunningInit(tmp_path)
    until((tmp_path / "ready").exists)
    yield running
    running.process.terminate()
    running.process.wait(DEADLINE)


def until(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, "not within the deadline"
        time.sleep(0.02)


def shell(name: str, script: str, order: int = 50, **more: Any) -> Program:
    return Program(name, ("sh", "-c", script), order=order, **more)


def test_a_program_killed_hard_runs_again(init: RunningInit) -> None:
    init.want(shell("sleeper", "exec sleep 1000"))
    until(lambda: init.pid("sleeper"))
    first = init.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    until(lambda: init.pid("sleeper") not in (0, first))
    state = init.state("sleeper")
    assert state is not None
    assert (state.starts, state.last_exit) == (2, -signal.SIGKILL)


def test_a_changed_description_restarts_only_its_program(init: RunningInit) -> None:
    init.want(shell("one", "exec sleep 1000"))
    init.want(shell("other", "exec sleep 1000"))
    until(lambda: init.pid("one") and init.pid("other"))
    one, other = init.pid("one"), init.pid("other")
    init.want(shell("one", "exec sleep 2000"))
    until(lambda: init.pid("one") not in (0, one))
    assert init.pid("other") == other


def test_a_forgotten_program_is_stopped(init: RunningInit) -> None:
    init.want(shell("sleeper", "exec sleep 1000"))
    until(lambda: init.pid("sleeper"))
    pid = init.pid("sleeper")
    machine_programs.forget(init.control, "sleeper")
    until(lambda: init.state("sleeper") is None)
    assert not Path(f"/proc/{pid}").exists()


def test_a_program_that_cannot_start_says_why_and_disturbs_nobody(init: RunningInit) -> None:
    init.want(Program("absent", ("no-such-program",)))
    init.want(shell("sleeper", "exec sleep 1000"))
    until(lambda: init.pid("sleeper") and "no-such-program" in init.log("absent"))


def test_programs_get_a_clean_environment_and_their_own_settings(init: RunningInit) -> None:
    os.environ["DEVCLUSTER_TEST_LEAK"] = "1"
    init.want(shell("teller", "env; exec sleep 1000", env={"GREETING": "good day"}))
    until(lambda: "GREETING=good day" in init.log("teller"))
    assert "LEAK" not in init.log("teller")


def test_programs_stop_in_the_reverse_order_of_starting(init: RunningInit, tmp_path: Path) -> None:
    note = tmp_path / "order"
    for order, name in ((10, "store"), (20, "server"), (30, "client")):
        trap = f"trap 'echo {name} >> {note}; exit' TERM; echo up; while :; do sleep 0.1; done"
        init.want(shell(name, trap, order))
        _wait_for(init, name)
    init.process.terminate()
    init.process.wait(DEADLINE)
    assert note.read_text().split() == ["client", "server", "store"]


def test_a_program_that_ignores_its_end_is_ended(init: RunningInit) -> None:
    init.want(shell("deaf", "trap '' TERM; echo up; while :; do sleep 0.1; done", stop_seconds=0.3))
    until(lambda: "up" in init.log("deaf"))
    pid = init.pid("deaf")
    init.process.terminate()
    assert init.process.wait(DEADLINE) == 0
    assert not Path(f"/proc/{pid}").exists()


def test_what_is_wanted_is_written_once(tmp_path: Path) -> None:
    program = shell("one", "true")
    assert machine_programs.want(tmp_path, program)
    assert not machine_programs.want(tmp_path, program)
    assert machine_programs.wanted(tmp_path) == ("one",)
    assert json.loads((tmp_path / "programs" / "one.json").read_text())["argv"] == ["sh", "-c", "true"]


def _wait_for(init: RunningInit, name: str) -> None:
    until(lambda: "up" in init.log(name))
