"""A service ends as it was asked to: drained on SIGTERM, with code 1 on the unexpected, 2 on a bad configuration."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

DRAINS = """
import asyncio
from service_runtime.run import run_service
async def serve(stop):
    print("up", flush=True)
    await stop.wait()
    await asyncio.sleep(0.05)
    print("drained", flush=True)
run_service("t", serve)
"""
STUCK = """
import asyncio
from service_runtime.run import run_service
async def serve(stop):
    print("up", flush=True)
    await asyncio.sleep(60)
run_service("t", serve, grace_seconds=0.2)
"""


def start(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_sigterm_drains_and_ends_with_0() -> None:
    process = start(DRAINS)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "drained\n"), err


def test_a_service_that_does_not_drain_is_ended_after_the_grace_period() -> None:
    process = start(STUCK)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "service.cancelled" in err


def test_an_unexpected_error_is_one_log_line_and_exit_code_1() -> None:
    script = "from service_runtime.run import run_service\nasync def serve(stop): raise OSError('no disk')\nrun_service('t', serve)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert len([line for line in run.stderr.splitlines() if "service.failed" in line and "no disk" in line]) == 1


@pytest.mark.parametrize(
    ("text", "options", "code", "words"),
    [
        ("port: 1\n", (), 0, "is fine"),
        ("prot: 1\n", (), 2, "prot: unknown key"),
        ("port: 1\n", ("--log-level", "loud"), 2, "is none of debug, info"),
    ],
)
def test_check_reports_on_the_configuration(
    tmp_path: Path, text: str, options: tuple[str, ...], code: int, words: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    script = """
from pathlib import Path
from service_runtime.command import service_command
from service_runtime.settings import Section, load_settings
class S(Section):
    port: int = 0
async def serve(settings, stop): ...
service_command("t", lambda p, e: load_settings(S, p), serve, Path("/none"), "T_CONFIG")()
"""
    run = subprocess.run(
        [sys.executable, "-c", script, "--config", str(path), "--check", *options],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert run.returncode == code
    assert words in run.stdout + run.stderr
