"""A container runtime for tests of the supervisor: understands Apptainer's command lines, isolates nothing.

A container's program runs on the host itself, with the arguments and environment that its launcher holds; each call is noted in
`calls.jsonl` beside the job's files. Faults that Apptainer won't produce on demand come by the image's name: see FAULTS.
"""

import contextlib
import csv
import errno
import itertools
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from condor_sidecar.job.supervisor.launcher import BASE, CODE, MARK, TABLE

FAULTS = {
    "unmakeable": "FATAL:   container creation failed: mount overlay: invalid argument",
    "unpullable": "FATAL:   Unable to handle docker uri: no such host",
}
CONFIG = {"Entrypoint": ["/bin/echo"], "Cmd": ["pulled"], "Env": ["FROM_IMAGE=yes"]}


def main(argv: list[str]) -> int:
    """One call of the program."""
    words = [word for word in argv if word != "--silent"]
    note(words)
    for name, complaint in FAULTS.items():
        if any(name in word for word in words):
            print(complaint, file=sys.stderr)
            return 255
    match words:
        case ["exec", *rest]:
            execute(rest)
        case ["enter", program]:
            enter(Path(program).name)
        case ["pull", *_, "slow" | "docker://slow" as uri]:
            time.sleep(len(uri) * 100)
        case ["pull", *_, target, _]:
            Path(target).touch()
        case ["sif", "list", _]:
            print("ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE")
            print("1    |1       |NONE    |0-1                       |Def.FILE")
            print("2    |1       |NONE    |1-2                       |JSON.Generic")
        case ["sif", "dump", "2", _]:
            print(json.dumps(CONFIG))
        case ["build", "--sandbox", target, _]:
            Path(target).mkdir()
    return 0


def note(words: list[str]) -> None:
    """The supervisor gives Apptainer a home of its own, two levels below the job's directory."""
    with (Path(os.environ["HOME"]).parent.parent / "calls.jsonl").open("a") as file:
        file.write(json.dumps({"argv": words, "mounts": mounts(words), "env": dict(os.environ)}) + "\n")


def mounts(words: list[str]) -> dict[str, dict[str, Any]]:
    """The mounts of a call by their destination."""
    found = {}
    for option, value in itertools.pairwise(words):
        if option == "--mount":
            fields = next(csv.reader([value], strict=True))
            entry = dict(field.partition("=")[::2] for field in fields if "=" in field)
            found[entry["destination"]] = {"source": entry["source"], "ro": "ro" in fields}
    return found


def execute(words: list[str]) -> NoReturn:
    """Run the container's program as Apptainer does: pass signals on, end as it ends."""
    child = os.fork()
    if child == 0:
        become(words)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda received, _: os.kill(child, received))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError):  # SIGKILL has no handler to take away
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def enter(program: str) -> NoReturn:
    """Run a program that was laid into a container's folder, as one does that enters a container."""
    start = next((Path(os.environ["HOME"]).parent / "containers").glob(f"*/start/{program}")).parent
    run(start / program, start / "notes" / program)


def become(words: list[str]) -> NoReturn:
    """Become the container's program."""
    start = Path(mounts(words)["/.highrate"]["source"])
    run(start / "launch", start / "status")


def run(launcher: Path, status: Path) -> NoReturn:
    """Do what the launcher says."""
    paths, argv, env = vectors(launcher.read_bytes())
    status.write_bytes(MARK)
    for path in paths:
        try:
            os.execve(path, argv, dict(entry.split(b"=", 1) for entry in env))
        except OSError as error:
            status.write_bytes(status.read_bytes() + bytes([error.errno or 0]))
        except ValueError:  # Python's own objection to an empty name
            status.write_bytes(status.read_bytes() + bytes([errno.ENOENT]))
    os._exit(128)


def vectors(launcher: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The paths, arguments and environment that a launcher holds."""
    assert len(launcher) > CODE
    _, *arrays = struct.unpack_from("<5Q", launcher, TABLE)
    paths, argv, env, _ = ([string(launcher, each) for each in array(launcher, address)] for address in arrays)
    return paths, argv, env


def array(launcher: bytes, address: int) -> list[int]:
    """The pointers at `address`, up to the null pointer."""
    found: list[int] = []
    while (pointer := struct.unpack_from("<Q", launcher, address - BASE + 8 * len(found))[0]) != 0:
        found.append(pointer)
    return found


def string(launcher: bytes, address: int) -> bytes:
    """The text at `address`."""
    return launcher[address - BASE :].split(b"\0", 1)[0]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
