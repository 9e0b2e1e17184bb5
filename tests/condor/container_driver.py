"""A container and commands in it, without a job around them: runs on a worker node, from the job's executable.

`python3 container_driver.py EXECUTABLE FOLDER IMAGE`; each line on standard input is a request, answered by one line. A request
holds an `exec` message of the job channel, what is fed (`input`, and `eof` after it), terminal sizes, and what of its output is
waited for before it is closed (`close_at`).
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])
sys.argv[0] = sys.argv[1]

from supervisor import apptainer, enter, launcher, sessions, start_folder  # type: ignore[import-not-found]  # noqa: E402
from supervisor.channel_streams import CannotOpen  # type: ignore[import-not-found]  # noqa: E402
from supervisor.inside import Inside  # type: ignore[import-not-found]  # noqa: E402
from supervisor.mounts import START_FOLDER  # type: ignore[import-not-found]  # noqa: E402
from supervisor.processes import Processes, kill_tree  # type: ignore[import-not-found]  # noqa: E402

FOLDER, IMAGE = sys.argv[2:]
START = Path(FOLDER, "start")
ENV = [("PATH", "/bin"), ("GIVEN", "a b\n$c"), ("odd name", "")]
processes = Processes()


def run_container() -> Any:
    for name in ("overlay/upper", "overlay/work", "runtime"):
        Path(FOLDER, name).mkdir(parents=True)
    start_folder.make(str(START))
    inside = START_FOLDER.encode()
    argv = [b"/bin/sleep", b"1000"]
    program = launcher.build(os.uname().machine, inside + b"/status", argv[:1], argv, [], [])
    start_folder.create(str(START / start_folder.LAUNCHER), program, 0o500)
    command = apptainer.command(
        apptainer.find_program({}), IMAGE, FOLDER + "/overlay", start_folder.binds(str(START)), "pod", "/srv/work",
        "", START_FOLDER + "/launch",
    )  # fmt: skip
    pid = processes.start(command, apptainer.environment(FOLDER + "/runtime", {}), lambda status: None)
    while not (START / "status").stat().st_size:
        time.sleep(0.01)
    return Inside(pid, str(START), ENV, "/srv/work")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    outputs: dict[int, bytes] = {1: b"", 2: b""}
    changed = threading.Condition()
    ended: list[Any] = []

    def send(kind: int, data: bytes) -> None:
        with changed:
            outputs[kind] += data
            changed.notify_all()

    def on_end(*end: Any) -> None:
        with changed:
            ended.append(end)
            changed.notify_all()

    def wait(condition: Callable[[], Any]) -> None:
        with changed:
            assert changed.wait_for(condition, 30), (outputs, ended)

    opened = sessions.opener({"c": container}.get, processes, {})
    try:
        session = opened(dict(request["exec"]), send, on_end)
    except CannotOpen as error:
        return {"refused": error.reason, "message": str(error)}
    for size in request.get("sizes", []):
        session.resize(*size)
    if "input_at" in request:
        wait(lambda: request["input_at"].encode() in outputs[1])
    session.feed(0, request.get("input", "").encode() * request.get("times", 1))
    if request.get("eof"):
        session.eof()
    if "close_at" in request:
        wait(lambda: request["close_at"].encode() in outputs[1])
        session.close()
    wait(lambda: ended)
    return {"stdout": outputs[1].decode(), "stderr": outputs[2].decode(), "end": ended[0]}


def reap() -> None:
    while True:
        processes.reap()
        time.sleep(0.01)


container = run_container()
threading.Thread(target=reap, daemon=True).start()
for line in sys.stdin:
    asked = json.loads(line)
    if asked == "kill":
        os.kill(enter.first_process(container.apptainer), 9)
        while enter.first_process(container.apptainer) is not None:
            time.sleep(0.01)
        print(json.dumps({}), flush=True)
    else:
        print(json.dumps(answer(asked)), flush=True)
kill_tree(os.getpid(), including_root=False)
