"""Python in somebody's running session, as a notebook's kernel has it: code goes in piece by piece, names stay."""

import contextlib
import json
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.servers import Servers

SECONDS = 300.0
_KERNEL = """
import json, sys, traceback
names = {}
for line in sys.stdin:
    try:
        exec(json.loads(line), names)
        reply = json.dumps({"answer": names.pop("answer", None)})
    except BaseException:
        reply = json.dumps({"error": traceback.format_exc()})
    print("\\x1e" + reply, flush=True)
"""


class Notebook:
    """`run` gives what the code left under the name `answer`, of JSON's kinds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._awaited = False

    def run(self, code: str, seconds: float = SECONDS) -> Any:
        """Raises AssertionError with the traceback if the code raises, or takes longer."""
        self.begin(code)
        return self.finish(seconds)

    def begin(self, code: str) -> None:
        """Let the code run while the test does something else; `finish` is to follow."""
        assert self._process.stdin is not None
        self._awaited = True
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()

    def settle(self) -> None:
        """Wait for what a test began and didn't finish. Raises AssertionError as `finish`."""
        if self._awaited:
            self.finish()

    def finish(self, seconds: float = SECONDS) -> Any:
        overdue = threading.Timer(seconds, self._process.kill)
        overdue.start()
        try:
            reply = self._reply()
        finally:
            overdue.cancel()
            self._awaited = False
        assert "error" not in reply, reply["error"]
        return reply["answer"]

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("\x1e"):
                found: dict[str, Any] = json.loads(line[1:])
                return found
        raise AssertionError("the kernel has ended, or took too long; what it said is in the log")


@contextlib.contextmanager
def notebook(servers: Servers, person: str, log: Path) -> Iterator[Notebook]:
    """Ends with the block; what the code writes beside its answers goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            servers.inside(person, f"exec python -u -c {shlex.quote(_KERNEL)}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Notebook(process)
        finally:
            process.kill()
            process.wait()
