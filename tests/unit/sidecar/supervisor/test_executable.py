"""The job's executable is one constant file that any Python >= 3.6 of a worker node runs."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from condor_sidecar.core.result import parse_out_tar, parse_stream
from condor_sidecar.job import supervisor
from condor_sidecar.job.executable import executable
from condor_sidecar.model.result import JobPhase

from tests.unit.sidecar.supervisor.jobs import Job, by_name, init, pod, shell, text

SOURCES = sorted(Path(supervisor.__file__).parent.glob("*.py"))


def pythons() -> list[str]:
    """This Python and the others of this machine, the oldest that is supported among them if it is there.

    What pyenv has counts without being chosen. Python 3.13 is that of the worker machines (Debian 13), so that every job of the
    tiers condor, cluster and conformance runs on it, whatever is here.
    """
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {sys.version_info[:2]: sys.executable}
    for minor in range(6, 16):
        name = f"python3.{minor}"
        for path in (shutil.which(name), *map(str, versions.glob(f"*/bin/{name}"))):
            if path and (3, minor) not in found and _runs(path):
                found[3, minor] = path
    return list(found.values())


def _runs(python: str) -> bool:
    """pyenv's own stand-in for a Python that nobody chose doesn't."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("python", pythons())
def test_a_pod_runs_on_every_python_of_this_machine(tmp_path: Path, python: str) -> None:
    job = Job(tmp_path, pod(init("i", "true"), shell("m", "echo hello; exit 3")), python=python)
    result = job.run()
    assert text(result, "m") == "hello\n", (tmp_path / "err").read_text()
    assert by_name(result)["m"].exit_code == 3
    assert (tmp_path / "err").read_text() == ""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.name))
def test_the_supervisor_s_syntax_is_that_of_python_3_6(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.name))
def test_the_supervisor_needs_nothing_but_the_standard_library(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert str(node.module).partition(".")[0] in sys.stdlib_module_names


def test_the_file_is_the_same_every_time_and_holds_no_date() -> None:
    executable.cache_clear()
    first = executable()
    executable.cache_clear()
    assert executable() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {Path(name).name for name in archive.namelist()} == {"__main__.py", *(source.name for source in SOURCES)}
    assert len(first) < 128 * 1024, "it is sent with every job"


def start(tmp_path: Path, path: str) -> "subprocess.CompletedProcess[bytes]":
    """Start the file as HTCondor does, with hardly any environment."""
    run = tmp_path / "run.sh"
    run.write_bytes(executable())
    run.chmod(0o755)
    env = {"PATH": path, "_CONDOR_SCRATCH_DIR": str(tmp_path)} if path else {"_CONDOR_SCRATCH_DIR": str(tmp_path)}
    return subprocess.run([run], env=env, cwd=tmp_path, capture_output=True, check=False)


def test_the_head_finds_a_python_without_a_path(tmp_path: Path) -> None:
    ended = start(tmp_path, "")
    assert ended.returncode == 70, ended
    with (tmp_path / "out.tar").open("rb") as file:
        assert parse_out_tar(file, ()).reason == "UnreadablePayload"


def test_the_head_passes_over_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "python3").write_text("#!/bin/sh\nexit 1\n")
    (old / "python3").chmod(0o755)
    assert start(tmp_path, f"{old}:{os.defpath}").returncode == 70
    with (tmp_path / "out.tar").open("rb") as file:
        assert parse_out_tar(file, ()).phase is JobPhase.ENDED


def test_a_machine_without_python_says_so() -> None:
    head = executable().split(b"PK\x03\x04")[0].decode()
    nothing = re.sub(r"for python in .*; do", "for python in no-such-python; do", head)
    assert nothing != head
    ended = subprocess.run(["/bin/sh", "-c", nothing], capture_output=True, check=False)
    result = parse_stream(ended.stdout, ())
    assert ended.returncode == 70
    assert result is not None
    assert (result.phase, result.reason) == (JobPhase.ENDED, "NoPython")
