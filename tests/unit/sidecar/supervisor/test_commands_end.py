"""Commands in containers that are left before they have begun."""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from condor_sidecar.job.supervisor import processes
from condor_sidecar.job.supervisor.inside import Further
from condor_sidecar.job.supervisor.sessions import Exec


class Runner(processes.Processes):
    """Starts, instead of anything else, what never brings a terminal."""

    def start(
        self,
        argv: list[str],
        env: Mapping[str, str],
        on_exit: processes.OnExit,
        stdout: int | None = None,
        stderr: int | None = None,
        stdin: int = subprocess.DEVNULL,
        inherited: Sequence[int] = (),
        beside: int = 0,
    ) -> int:
        process = subprocess.Popen(["/bin/sleep", "1000"], pass_fds=inherited)
        threading.Thread(target=lambda: on_exit(-process.wait())).start()  # the signal's number, as in a wait status
        return process.pid


def test_who_leaves_while_the_terminal_is_awaited_ends_the_command() -> None:
    ended, end = threading.Event(), list[Any]()

    def on_end(*words: Any) -> None:
        end.extend(words)
        ended.set()

    session = Exec(lambda: Further("x", 1, "/none", "/none", "/", 1, 1), lambda kind, data: None, on_end)
    session.start({"tty": True, "stdin": True, "stdout": True}, Runner(), {})
    session.close()
    assert ended.wait(20)
    assert end == [129, "", ""], "it was hung up on"
