"""Jobs as HTCondor starts them: a scratch directory, the payload, the constant executable; Apptainer is a fake."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from condor_sidecar.core.result import parse_out_tar, parse_stream
from condor_sidecar.job.executable import executable
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.processes import kill_tree
from condor_sidecar.model.result import ContainerResult, JobResult

from tests.fakes import apptainer

PATIENCE = 30.0
NOT_AS_ROOT = "import os, runpy, sys; os.getuid = lambda: 1000; runpy.run_path(sys.argv[1], run_name='__main__')"


# beside a container of the fake, which has no namespaces, the fake runs a program itself
FAKE_ENTER = """
FAILED = 125

class CannotEnter(Exception):
    pass

def first_process(pid):
    return pid

def command(python, archive, container_pid, program, work_dir="/", terminal=None):
    return ["/usr/bin/env", {home!r}, {runtime!r}, "enter", program]
"""


def entering_by(runtime: str, home: str) -> bytes:
    """The job's executable with the fake of how a container is entered."""
    original = executable()
    head = original[: original.index(b"PK\x03\x04")]
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as source, zipfile.ZipFile(archive, "w") as target:
        for name in source.namelist():
            fake = name == "supervisor/enter.py"
            target.writestr(
                name, FAKE_ENTER.format(runtime=runtime, home="HOME=" + home) if fake else source.read(name)
            )
    return head + archive.getvalue()


def container(name: str, *command: str, **fields: Any) -> plan.Container:
    """A main container of the image `image`, which is there."""
    values: dict[str, Any] = {
        "kind": plan.MAIN,
        "image": plan.Image("image", ["image"]),
        "args": [],
        "env": [],
        "work_dir": "",
        "mounts": [],
    }
    return plan.Container(name=name, command=list(command), **(values | fields))


def init(name: str, *command: str, **fields: Any) -> plan.Container:
    """An init container."""
    return container(name, *command, kind=plan.INIT, **fields)


def sidecar(name: str, script: str, **fields: Any) -> plan.Container:
    """A native sidecar that runs a shell script."""
    return shell(name, script, kind=plan.SIDECAR, **fields)


def shell(name: str, script: str, **fields: Any) -> plan.Container:
    """A container that runs a shell script."""
    return container(name, "/bin/sh", "-c", script, **fields)


def pod(*containers: plan.Container, **fields: Any) -> plan.Pod:
    """A pod of these containers."""
    values: dict[str, Any] = {
        "version": plan.VERSION, "uid": "uid", "namespace": "default", "name": "pod", "hostname": "pod",
        "deadline_seconds": 3600, "deadline_message": "too late", "grace_seconds": 20, "kept_log_bytes": 1 << 20,
        "streamed_log_bytes": 1 << 20, "host_aliases": [], "volumes": [], "patience_seconds": 0,
    }  # fmt: skip
    return plan.Pod(containers=list(containers), **(values | fields))


STARTED: "set[Job]" = set()
"""Those that were not ended yet."""


def kill_all() -> None:
    """End what a test leaves behind, however it ended itself."""
    for job in list(STARTED):
        job.kill()


class Job:
    """One job in `scratch`."""

    def __init__(
        self, scratch: Path, of: plan.Pod, files: dict[str, bytes] | None = None, python: str = sys.executable
    ) -> None:
        self.scratch = scratch
        self._names = [each.name for each in of.containers]
        (scratch / "image").mkdir(parents=True)
        of = of._replace(containers=[self._placed(each) for each in of.containers])
        with tarfile.open(scratch / "payload.tar", "w") as archive:
            for name, content in {plan.PLAN_FILE: plan.encode(of), **(files or {})}.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o640
                archive.addfile(member, io.BytesIO(content))
        self.run_file = scratch / "run.sh"
        self.run_file.write_bytes(entering_by(str(scratch / "bin" / "apptainer"), str(scratch / "pod" / "runtime")))
        programs = scratch / "bin"
        programs.mkdir()
        runtime = programs / "apptainer"
        runtime.write_text(
            f'#!/bin/sh\nPYTHONPATH={":".join(sys.path)} exec {sys.executable} -S {apptainer.__file__} "$@"\n'
        )
        runtime.chmod(0o755)
        self._python = python
        self._env = {"PATH": f"{programs}:{os.defpath}", "_CONDOR_SCRATCH_DIR": str(scratch)}
        self.process: subprocess.Popen[bytes] | None = None

    def _placed(self, each: plan.Container) -> plan.Container:
        """Image directories lie in the job's own directory."""
        return each._replace(
            image=each.image._replace(candidates=[str(self.scratch / path) for path in each.image.candidates])
        )

    def start(self) -> Self:
        STARTED.add(self)
        with (self.scratch / "out").open("wb") as out, (self.scratch / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [self._python, "-I", "-c", NOT_AS_ROOT, str(self.run_file)],
                env=self._env,
                cwd=self.scratch,
                stdout=out,
                stderr=err,
            )
        return self

    def send(self, signum: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(signum)

    def end(self) -> JobResult:
        """Wait for the job's end; what it brought back."""
        assert self.process is not None
        try:
            self.process.wait(PATIENCE)
        finally:
            self.kill()
        return self.saved()

    def kill(self) -> None:
        """End it with its containers, which would outlive it."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGSTOP)  # so that it starts nothing more
                kill_tree(self.process.pid, including_root=False)
                kill_tree(self.process.pid, including_root=True)  # what they started meanwhile is now its own
            self.process.wait()
        STARTED.discard(self)

    def saved(self) -> JobResult:
        """The result file as it is now."""
        with (self.scratch / "out.tar").open("rb") as file:
            return parse_out_tar(file, self._names)

    def run(self) -> JobResult:
        return self.start().end()

    def seen(self) -> JobResult | None:
        """What it streamed so far."""
        return parse_stream((self.scratch / "out").read_bytes(), self._names)

    def wait_until(self, condition: Callable[[JobResult], bool]) -> JobResult:
        """Wait for something to be streamed."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            result = self.seen()
            if result is not None and condition(result):
                return result
            time.sleep(0.02)
        raise AssertionError(f"it did not happen; {self.seen()}; {(self.scratch / 'err').read_text()}")

    def calls(self) -> list[dict[str, Any]]:
        """The calls of Apptainer."""
        return [json.loads(line) for line in (self.scratch / "calls.jsonl").read_text().splitlines()]


def by_name(result: JobResult) -> dict[str, ContainerResult]:
    return {each.name: each for each in result.containers}


def text(result: JobResult, name: str) -> str:
    """A container's log without its stamps."""
    return b"".join(line.split(b" ", 3)[3] for line in result.logs[name].splitlines(keepends=True)).decode()
