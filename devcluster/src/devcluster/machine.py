"""A machine: a Debian tree entered with namespaces of its own, in which named programs are kept running.

What a container would be, without a container runtime: an overlay over a cached tree, its own mount, pid, cgroup and host name
space, and one of the checkout's network namespaces. All of it hangs on one process (machine_init.py, PID 1 inside); when that
ends, the kernel removes processes and mounts, so nothing can be left behind.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import cgroups, machine_programs
from devcluster.commands import CommandFailed, run, run_logged
from devcluster.leash import mark
from devcluster.machine_enter import install_init
from devcluster.machine_init import PATH
from devcluster.machine_process import end_process
from devcluster.machine_programs import Program, ProgramState
from devcluster.network import netns_path
from devcluster.paths import Checkout, content_key

__all__ = ["Bind", "Machine", "Program", "ProgramState", "running"]

START_SECONDS = 20.0


@dataclass(frozen=True)
class Bind:
    """A folder or file of the host that the machine sees."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Machine:
    """``netns`` is one of the checkout's network namespaces; empty: the host's network (builds)."""

    checkout: Checkout
    name: str
    tree: Path
    hostname: str
    netns: str = ""
    binds: tuple[Bind, ...] = ()

    @property
    def folder(self) -> Path:
        return self.checkout.machines / self.name

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def cgroup(self) -> str:
        return self.checkout.kernel_name(self.name)

    @property
    def log_folder(self) -> Path:
        return self.checkout.logs / self.name

    @property
    def pid(self) -> int | None:
        """The host's number of PID 1, None if the machine isn't running. Numbers recur, so the process must be ours."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            inside = Path(f"/proc/{pid}/root/run/devcluster")
            if b"machine_init.py" in command and inside.samefile(self.control):
                return pid
        return None

    def path(self, inside: str) -> Path:
        """A path of the running machine as the host sees it. Absolute symbolic links in it lead astray."""
        pid = self.pid
        if pid is None:
            raise RuntimeError(f"machine {self.name} is not running")
        return Path(f"/proc/{pid}/root") / inside.lstrip("/")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the running machine; unchanged content keeps the file as it is."""
        place = self.path(inside)
        if place.is_file() and place.read_text() == text and place.stat().st_mode & 0o777 == mode:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(place.name + ".draft")
        draft.touch(mode=mode)
        draft.chmod(mode)
        draft.write_text(text)
        draft.replace(place)

    def start(self) -> bool:
        """Make sure that the machine runs as described; True if it was (re)started. A changed description restarts it."""
        spec = json.dumps(self._spec(), indent=1)
        spec_file = self.folder / "spec.json"
        if self.pid is not None:
            if spec_file.is_file() and spec_file.read_text() == spec and self._same_init():
                return False
            self.stop()
        self._clear()
        for folder in ("upper", "work", "root"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        install_init(self.control)
        self._basic_files()
        spec_file.write_text(spec)
        for bind in self.binds:
            if not bind.source.exists():
                bind.source.mkdir(parents=True)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "devcluster.machine_enter", "outside", str(spec_file)]
        boot_log = self.log_folder / "init.log"
        with boot_log.open("ab") as sink:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
                env=_boot_env(),
            )
        limit = time.monotonic() + START_SECONDS
        while self.pid is None or not (self.control / "ready").exists():
            if process.poll() is not None or time.monotonic() > limit:
                process.kill()
                raise CommandFailed(argv, process.returncode or -1, boot_log.read_text(errors="replace"), boot_log)
            time.sleep(0.05)
        return True

    def stop(self, patience: float = 60.0) -> None:
        """End everything in the machine; programs are asked first. Leaves its files."""
        pid = self.pid
        if pid is not None:
            end_process(pid, patience)
        self._clear()

    def erase(self) -> None:
        """Remove the files of the stopped machine."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def supervise(self, program: Program) -> None:
        """Keep the program running from now on; a changed description restarts it."""
        if machine_programs.want(self.control, program):
            self._wake()

    def forget(self, name: str) -> None:
        """Stop the program and don't start it again."""
        machine_programs.forget(self.control, name)
        self._wake()

    @contextlib.contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Take a program away for a while, and have it run again as before."""
        description = machine_programs.description(self.control, name)
        self.forget(name)
        try:
            yield
        finally:
            machine_programs.write(self.control, name, description)
            self._wake()

    def restart(self, name: str) -> None:
        """Send the program its end; init starts it again."""
        state = self.programs().get(name)
        if state is not None and state.pid:
            self.run(["kill", "-TERM", str(state.pid)], check=False)

    def programs(self) -> dict[str, ProgramState]:
        """What runs, as PID 1 reports it."""
        return machine_programs.states(self.control)

    def wanted(self) -> tuple[str, ...]:
        """Names of all programs that shall run."""
        return machine_programs.wanted(self.control)

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float | None = 120,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine and keep what it says. Raises CommandFailed unless ``check`` is off."""
        return run(self.command(argv, user=user, env=env), stdin=stdin, timeout=timeout, check=check, shown=argv)

    def run_logged(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> None:
        """Run a long command in the machine, its output appended to ``log``. Raises CommandFailed."""
        run_logged(self.command(argv, user=user, env={**(env or {}), **mark()}), log, stdin=stdin, shown=argv)

    def command(self, argv: Sequence[str], *, user: str = "", env: Mapping[str, str] | None = None) -> list[str]:
        """The host's command line that runs ``argv`` in the machine, with a clean environment."""
        pid = self.pid
        if pid is None:
            raise RuntimeError(f"machine {self.name} is not running")
        settings = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **(env or {})}
        clean = ["env", "-i", *(f"{name}={value}" for name, value in settings.items())]
        if user:
            # setpriv doesn't set HOME; su would ask PAM.
            clean += ["sh", "-c", f'HOME=$(getent passwd {shlex.quote(user)} | cut -d: -f6) exec "$@"', "sh"]
            clean += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
        spaces = [
            "nsenter",
            f"--target={pid}",
            "--mount",
            "--pid",
            "--net",
            "--uts",
            "--ipc",
            "--cgroup",
            "--root",
            "--wd",
        ]
        return [*spaces, *clean, *argv]

    def _spec(self) -> dict[str, object]:
        return {
            "name": self.name,
            "hostname": self.hostname,
            "folder": str(self.folder),
            "logs": str(self.log_folder),
            "tree": str(self.tree),
            "netns": str(netns_path(self.netns)) if self.netns else "",
            "cgroup": self.cgroup,
            "binds": [
                {"source": str(bind.source), "target": bind.target, "read_only": bind.read_only} for bind in self.binds
            ],
        }

    def _basic_files(self) -> None:
        etc = self.folder / "upper" / "etc"
        etc.mkdir(parents=True, exist_ok=True)
        (etc / "hostname").write_text(self.hostname + "\n")
        (etc / "machine-id").write_text((content_key(self.cgroup) * 3)[:32] + "\n")
        if not self.netns:
            shutil.copyfile("/etc/resolv.conf", etc / "resolv.conf")

    def _same_init(self) -> bool:
        return (self.control / "machine_init.py").read_bytes() == Path(__file__).with_name(
            "machine_init.py"
        ).read_bytes()

    def _wake(self) -> None:
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGHUP)

    def _clear(self) -> None:
        """Forget what a machine that is gone said about itself, and its cgroups."""
        (self.folder / "pid").unlink(missing_ok=True)
        (self.control / "ready").unlink(missing_ok=True)
        shutil.rmtree(self.control / "state", ignore_errors=True)
        layout = cgroups.host_layout()
        if layout is not None:
            cgroups.remove(layout, self.cgroup)


@contextlib.contextmanager
def running(machine: Machine) -> Iterator[Machine]:
    """A machine for one job: started, stopped and erased. One that a killed command left behind goes first."""
    machine.stop()
    machine.erase()
    machine.start()
    try:
        yield machine
    finally:
        machine.stop()
        machine.erase()


def _boot_env() -> dict[str, str]:
    source = str(Path(__file__).resolve().parent.parent)
    return {
        "PATH": os.environ.get("PATH", PATH),
        "PYTHONPATH": source,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }
