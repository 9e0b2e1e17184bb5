"""The folder that a container starts from, and sees as /.highrate: its launcher, and the files in which it leaves what happened.

A container may write to those files, and to NOTES, where the launchers of its further programs (inside.py) leave a word each; it
can change nothing else there. Whatever it puts in the place of a file is neither waited for nor followed: it would be read or
written outside of the container, where more can be reached.
"""

import os
import stat
from typing import List

from .mounts import START_FOLDER, Bind

LAUNCHER = "launch"
STATUS = "status"  # where the launcher notes what happened
MESSAGE = "termination-message"
NOTES = "notes"


def make(folder: str) -> None:
    """Make the folder; its launcher is still missing."""
    os.makedirs(folder, mode=0o700)
    os.mkdir(os.path.join(folder, NOTES), 0o700)
    for name in (STATUS, MESSAGE):
        create(os.path.join(folder, name), b"", 0o644)


def binds(folder: str) -> List[Bind]:
    """How the container sees it."""
    own = [Bind(os.path.join(folder, name), START_FOLDER + "/" + name, False) for name in (STATUS, MESSAGE, NOTES)]
    return [Bind(folder, START_FOLDER, True), *own]


def create(path: str, content: bytes, mode: int) -> None:
    """Write a file that isn't there yet. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)


def read(path: str, most: int) -> bytes:
    """At most `most` bytes of a file; nothing if it isn't there or isn't a regular one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)
