"""Paths inside an image's root directory, and the upper tree that makes all of it writable.

An unprivileged overlay lets the job's user write only where the image's directories let it. Directories that already exist in
the upper layer belong to the user; so each directory of the image is made there before the container starts.
"""

import os
from typing import Iterator, List, Optional, Tuple

LINK_LIMIT = 40


class PathLoop(Exception):
    """Too many symbolic links on the way to a path."""


def resolve(layers: List[str], path: str) -> str:
    """`path` as a program whose root is the stack of `layers` (uppermost first) would reach it, with no symbolic link left in it.

    The path need not exist: what doesn't is taken as written. It never leaves the root. Raises PathLoop.
    """
    pending = [part for part in path.split("/") if part]
    done: List[str] = []
    links = 0
    while pending:
        part = pending.pop(0)
        if part == ".":
            continue
        if part == "..":
            del done[-1:]
            continue
        target = _link(layers, "/".join([*done, part]))
        if target is None:
            done.append(part)
            continue
        links += 1
        if links > LINK_LIMIT:
            raise PathLoop("too many symbolic links in %s" % path)
        if target.startswith("/"):
            done = []
        pending = [step for step in target.split("/") if step] + pending
    return "/" + "/".join(done)


def _link(layers: List[str], relative: str) -> Optional[str]:
    """What the symbolic link `relative` points to, None if it isn't one. The uppermost layer that has the name decides."""
    for layer in layers:
        path = os.path.join(layer, relative)
        if os.path.islink(path):
            return os.readlink(path)
        if os.path.lexists(path):
            return None
    return None


def find(layers: List[str], path: str) -> str:
    """Where in `layers` the file at `path` really is; "" if nowhere."""
    relative = resolve(layers, path).lstrip("/")
    for layer in layers:
        candidate = os.path.join(layer, relative)
        if os.path.lexists(candidate):
            return candidate
    return ""


def directories(root: str) -> Iterator[Tuple[str, int, bool]]:
    """Every directory below `root`: relative path, permission bits, whether the user can read it; parents first."""
    pending = [("", 0)]
    while pending:
        relative, mode = pending.pop()
        readable = True
        try:
            with os.scandir(os.path.join(root, relative)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        mode_below = entry.stat(follow_symlinks=False).st_mode & 0o1777
                        pending.append((os.path.join(relative, entry.name), mode_below))
        except OSError:
            readable = False
        if relative:
            yield relative, mode, readable


def prepare_upper(root: str, upper: str) -> List[str]:
    """Make in `upper` every directory of `root`, writable for the user, with its other permissions as in the image.

    Returns those that the user may not read in the image, such as a /root of mode 0700: no upper layer makes them usable.
    """
    os.makedirs(upper, exist_ok=True)
    os.chmod(upper, 0o755)
    unreadable = []
    for relative, mode, readable in directories(root):
        path = os.path.join(upper, relative)
        os.mkdir(path, mode | 0o700)
        if mode & 0o1022:  # more than the umask lets mkdir give
            os.chmod(path, mode | 0o700)
        if not readable:
            unreadable.append("/" + relative)
    return unreadable


def ensure_directory(layers: List[str], path: str) -> None:
    """See that the directory `path` (as `resolve` returns it) exists in the container; it is made in the uppermost layer."""
    if not find(layers, path):
        os.makedirs(os.path.join(layers[0], path.lstrip("/")), mode=0o755, exist_ok=True)
