"""A further program in a container that runs: for `kubectl exec`, and for probes and hooks that run a command.

It has the container's environment and working directory. Its launcher lies in the folder that the container was started from, its
status file where the container may write (start_folder.py): their names can't be guessed, so that nothing lies there before.
"""

import os
import sys
from typing import List, NamedTuple, Optional, Sequence, Tuple

from . import command, enter, launcher, mounts, start_folder

MOST_STATUS = 1024  # bytes


class NotBegun(enter.CannotEnter):
    """The container is being made: its first process isn't the pod's yet."""


class Inside(NamedTuple):
    """What of a running container its further programs need: Apptainer's process id, the start folder on the machine, and the
    environment, working directory and user of its first process."""

    apptainer: int
    folder: str
    env: List[Tuple[str, str]]
    work_dir: str
    user: Optional[launcher.User] = None


class Further(NamedTuple):
    """A further program that is ready to start: with `arguments`, as a child of ours with an empty environment."""

    program: str
    first_process: int
    launcher: str
    status_file: str
    work_dir: str
    tries: int  # paths that it is looked for at

    def arguments(self, terminal: Optional[int] = None) -> List[str]:
        """The argument list that runs it; for `terminal` see enter.command."""
        inside = mounts.START_FOLDER + "/" + os.path.basename(self.launcher)
        archive = os.path.abspath(sys.argv[0])
        # HTCondor gives a job no PATH, without which Python may not know where it is
        python = sys.executable or os.readlink("/proc/self/exe")
        return enter.command(python, archive, self.first_process, inside, self.work_dir, terminal)

    def failure(self, code: int) -> str:
        """Why it never ran, although it was started and ended with `code`; empty if it ran."""
        status = start_folder.read(self.status_file, MOST_STATUS)
        if not status:
            return "the container could not be entered" if code == enter.FAILED else ""
        return launcher.failure(status, self.program, self.tries) if code == launcher.FAILED else ""

    def remove(self) -> None:
        """Its files are needed no more."""
        for path in (self.launcher, self.status_file):
            try:
                os.unlink(path)
            except OSError:
                pass  # the container may have done that


def further(inside: Inside, argv: Sequence[str]) -> Further:
    """Make `argv` ready to run in the container. Raises enter.CannotEnter (NotBegun where it's worth another try) and OSError."""
    if not start_folder.read(os.path.join(inside.folder, start_folder.STATUS), MOST_STATUS):
        raise NotBegun("it has not begun")
    first = enter.first_process(inside.apptainer)
    if first is None:
        raise enter.CannotEnter("its first process has ended")
    paths = command.paths(argv[0], dict(inside.env))
    name = "further-" + os.urandom(8).hex()
    note = start_folder.NOTES + "/" + name
    path, status = os.path.join(inside.folder, name), os.path.join(inside.folder, note)
    content = launcher.build(
        os.uname().machine,
        (mounts.START_FOLDER + "/" + note).encode("ascii"),
        command.encoded(paths),
        command.encoded(argv),
        command.encoded(["%s=%s" % pair for pair in inside.env]),
        [],
        inside.user,
    )
    start_folder.create(status, b"", 0o600)
    start_folder.create(path, content, 0o500)
    return Further(argv[0], first, path, status, inside.work_dir, len(paths))
