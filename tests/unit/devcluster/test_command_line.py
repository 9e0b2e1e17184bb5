"""Both command lines: one command at a time, and every end is a sentence and an exit code."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from devcluster.alone import alone
from devcluster.command_line import changing
from devcluster.commands import CommandFailed, ProgramMissing, run, run_logged
from devcluster.paths import Checkout
from devcluster.steps import StepFailed
from rich.console import Console


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "goes on where this one stopped"),
        (StepFailed("the node: [no] network"), 1, "the node: [no] network"),
        (ProgramMissing(["ip", "netns"]), 1, "no program ip"),
        (CommandFailed(["false"], 1, "words"), 1, "words"),
    ],
)
def test_what_ends_a_command_is_said_without_a_traceback(
    tmp_path: Path, problem: BaseException, code: int, said: str
) -> None:
    screen = io.StringIO()
    with pytest.raises(typer.Exit) as ended, changing(Checkout(tmp_path), Console(file=screen, width=200)):
        raise problem
    assert ended.value.exit_code == code
    assert said in screen.getvalue()


@pytest.mark.parametrize("command", [("devcluster.site", "up"), ("devcluster.site", "down"), ("devcluster", "down")])
def test_every_command_that_changes_something_waits_for_no_other(tmp_path: Path, command: tuple[str, str]) -> None:
    (tmp_path / "devcluster").mkdir()
    (tmp_path / "devcluster" / "pyproject.toml").touch()
    with alone(Checkout(tmp_path)):
        ended = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode == 1
    assert "another devcluster command is at work" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".devcluster" / "run").exists(), "nothing was touched"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match="no program no-such-program"):
        run(["no-such-program", "x"], check=False)
    with pytest.raises(ProgramMissing, match="no program no-such-program"):
        run_logged(["no-such-program"], tmp_path / "log")
    with pytest.raises(FileNotFoundError):
        run(["true"], cwd=tmp_path / "nowhere")


@pytest.mark.parametrize("module", ["devcluster", "devcluster.site"])
def test_down_without_the_hosts_network_tools_says_so(tmp_path: Path, module: str) -> None:
    (tmp_path / "devcluster").mkdir()
    (tmp_path / "devcluster" / "pyproject.toml").touch()
    ended = subprocess.run(
        [sys.executable, "-m", module, "down"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "no program ip on this machine" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
