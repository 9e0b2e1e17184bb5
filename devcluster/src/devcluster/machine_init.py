"""PID 1 of a machine: reaps, starts named programs, starts them again when they die, stops them in order.

Runs inside the machine's root file system with Debian's Python, standard library only. What shall run is a folder of files
(one JSON file per program, written by the host side, see machine.py); what runs is reported in another folder. Files are the
interface because they survive a kill -9 of either side and need no protocol: every look at the folder brings the machine to
the wanted state.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

LOOK_EVERY = 0.5
RESTART_DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0)
CALM_AFTER = 20.0  # a program that lived this long starts again at once
LOG_LIMIT = 64 << 20
PATH = "/opt/kubernetes/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Folders:
    """Below the control folder, which the machine and the host share."""

    def __init__(self, control: Path) -> None:
        self.control = control
        self.wanted = control / "programs"
        self.state = control / "state"
        self.logs = control / "logs"

    def make(self) -> None:
        for folder in (self.wanted, self.state, self.logs):
            folder.mkdir(parents=True, exist_ok=True)


class Running:
    """One program: what it should be and what became of it."""

    def __init__(self, folders: Folders, spec: dict[str, Any]) -> None:
        self.folders = folders
        self.spec = spec
        self.name: str = spec["name"]
        self.pid = 0
        self.began = 0.0
        self.starts = 0
        self.quick_ends = 0
        self.due = 0.0
        self.last_exit: int | None = None

    @property
    def state_file(self) -> Path:
        return self.folders.state / f"{self.name}.json"

    def start(self) -> None:
        log = os.open(self.folders.logs / f"{self.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        pid = os.fork()
        if pid == 0:
            _become(self.spec, log)
        os.close(log)
        self.pid, self.began, self.starts = pid, time.monotonic(), self.starts + 1
        self.report()

    def ended(self, status: int) -> None:
        self.pid = 0
        self.last_exit = os.waitstatus_to_exitcode(status)
        lived = time.monotonic() - self.began
        self.quick_ends = 0 if lived > CALM_AFTER else self.quick_ends + 1
        self.due = time.monotonic() + RESTART_DELAYS[min(self.quick_ends, len(RESTART_DELAYS) - 1)]
        print(f"{self.name} ended with {self.last_exit} after {lived:.1f} s", flush=True)
        self.report()

    def signal(self, number: int) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def report(self) -> None:
        state = {"name": self.name, "pid": self.pid, "starts": self.starts, "last_exit": self.last_exit}
        place = self.state_file
        draft = place.with_suffix(".tmp")
        draft.write_text(json.dumps(state))
        draft.rename(place)


def _become(spec: dict[str, Any], log: int) -> NoReturn:
    """In the child: turn into the program. Never returns."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **spec["env"]}
        if spec["user"]:
            user = pwd.getpwnam(spec["user"])
            os.initgroups(user.pw_name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            env.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
        os.chdir(spec["cwd"])
        os.execvpe(spec["argv"][0], spec["argv"], env)  # noqa: S606 - argument lists are ours
    except BaseException as problem:  # noqa: BLE001 - the child must not go on as a second PID 1
        os.write(2, f"can't start {spec['name']}: {problem}\n".encode())
    os._exit(127)


class Init:
    """The loop: look at the wanted programs, start and stop, reap."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.programs: dict[str, Running] = {}

    def look(self) -> None:
        wanted = _wanted(self.folders)
        changed = [name for name, running in self.programs.items() if wanted.get(name) != running.spec]
        if changed:
            self.stop([self.programs.pop(name) for name in changed])
        for name, spec in wanted.items():
            self.programs.setdefault(name, Running(self.folders, spec))
        now = time.monotonic()
        for running in self.programs.values():
            if not running.pid and running.due <= now:
                running.start()

    def stop(self, going: list[Running]) -> None:
        """Ask all of them, wait, insist; other programs' ends are noted meanwhile."""
        for running in going:
            running.signal(getattr(signal, running.spec["stop_signal"]))
        limit = time.monotonic() + max(running.spec["stop_seconds"] for running in going)
        while any(running.pid for running in going) and time.monotonic() < limit:
            self.reap(going)
            time.sleep(0.05)
        for running in going:
            running.signal(signal.SIGKILL)
        while any(running.pid for running in going):
            self.reap(going)
            time.sleep(0.01)
        for running in going:
            running.state_file.unlink(missing_ok=True)

    def stop_all(self) -> None:
        """In the reverse order of starting, those of one order together."""
        by_order: dict[int, list[Running]] = {}
        for running in self.programs.values():
            by_order.setdefault(running.spec["order"], []).append(running)
        for order in sorted(by_order, reverse=True):
            self.stop(by_order[order])

    def reap(self, more: list[Running] = []) -> None:  # noqa: B006 - never changed
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for running in (*self.programs.values(), *more):
                if running.pid == pid:
                    running.ended(status)


def _wanted(folders: Folders) -> dict[str, dict[str, Any]]:
    specs = []
    for place in folders.wanted.glob("*.json"):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            specs.append(json.loads(place.read_text()))
    return {spec["name"]: spec for spec in sorted(specs, key=lambda spec: (spec["order"], spec["name"]))}


def _trim_logs(folders: Folders) -> None:
    """Logs are appended to, so cutting one to nothing is safe; one older part is kept."""
    for log in folders.logs.glob("*.log"):
        if log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def main(control: Path) -> None:
    wake = {signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wake)
    folders = Folders(control)
    folders.make()
    init = Init(folders)
    (control / "ready").write_text("")
    rounds = 0
    while True:
        init.reap()
        init.look()
        rounds += 1
        if rounds % 240 == 0:
            _trim_logs(folders)
        info = signal.sigtimedwait(wake, LOOK_EVERY)
        if info is not None and info.si_signo in (signal.SIGTERM, signal.SIGINT):
            init.stop_all()
            sys.exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
