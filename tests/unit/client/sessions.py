"""Sessions as real processes, and what can be seen of them from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SESSION = (sys.executable, "-m", "highrate.cli", "session")
DEADLINE = 20.0


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.01)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The test's own, without anything that a session reads."""
    ours = ("HIGHRATE_", "JUPYTERHUB_", "BEARER_TOKEN", "XDG_RUNTIME_DIR")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **changes}


@contextmanager
def session(*command: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*SESSION, *command],
        env=environment(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        for pid in children(process.pid):  # a session that is killed leaves its program behind
            if process.poll() is None:
                os.kill(pid, 9)
        process.kill()
        process.communicate()


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def agent(pid: int) -> int | None:
    """The session's token agent, once it is one."""
    return next((child for child in children(pid) if "highrate.tokens.agent" in arguments(child)), None)


def arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def gone(pid: int) -> bool:
    """Ended; waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
