"""Programs that the supervisor runs to their end: what is kept of their output, and who is counted with whom."""

import json
import os
import subprocess
import sys
from typing import Any

# in a process of its own: whoever runs children becomes the parent of all orphans
RUN = """
import json, os, resource, sys, threading
from condor_sidecar.job.supervisor.processes import Processes
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
processes, found = Processes(), []
def run():
    found.append(processes.run(["/bin/sh", "-c", sys.argv[1]], {"PATH": os.defpath}, threading.Event(), 60.0, most=1000))
thread = threading.Thread(target=run)
thread.start()
while thread.is_alive():
    processes.reap()
    thread.join(0.01)
left = not processes.reap()
processes.end_all(20.0)
(status, output), = found
print(json.dumps([os.WEXITSTATUS(status), output.decode(), left]))
"""


def run(script: str) -> Any:
    """Exit code and output of a shell script, and whether something of it was left, as seen after `Processes.run`."""
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", RUN, script], capture_output=True, check=True, env=env, timeout=60)
    return json.loads(ended.stdout)


def test_of_an_output_without_bounds_the_beginning_is_kept_and_nothing_on_the_disk() -> None:
    code, output, left = run("echo begin; head -c 3000000 /dev/zero | tr '\\0' x || exit 9; exit 3")
    assert (code, len(output), left) == (3, 1000, False)
    assert output.startswith("begin\nxxx")


def test_both_outputs_are_kept_in_their_order() -> None:
    assert run("echo a; echo b >&2; echo c") == [0, "a\nb\nc\n", False]


def test_who_keeps_the_output_open_is_not_waited_for() -> None:
    assert run("sleep 1000 & echo said") == [0, "said\n", True]
