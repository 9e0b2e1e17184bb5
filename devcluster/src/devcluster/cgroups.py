"""The control groups that a machine gets for itself, on hosts with cgroup v1, v2 or both (hybrid).

A machine sees only its own subtree (a cgroup namespace), as containers do. That lets two checkouts run a kubelet each, and
lets `down` find everything that is left.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOUNT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy: its folder below /sys/fs/cgroup and the options to mount it with ("" for v2)."""

    folder: str
    options: str


@dataclass(frozen=True)
class Layout:
    """How the host mounts cgroups. In a hybrid layout only the v1 part is handed on: runtimes refuse a mixture."""

    version: Literal[1, 2]
    hierarchies: tuple[Hierarchy, ...]
    links: tuple[tuple[str, str], ...] = ()


_FLAGS = frozenset(("rw", "ro", "relatime", "noatime", "nosuid", "nodev", "noexec", "xattr", "clone_children"))


def parse_mounts(text: str) -> Layout | None:
    """From /proc/mounts; None if the host has no cgroups mounted at the usual place."""
    first: list[Hierarchy] = []
    unified = False
    for line in text.splitlines():
        _, point, kind, options, *_ = line.split()
        if kind == "cgroup2" and point == str(MOUNT):
            unified = True
        elif kind == "cgroup" and Path(point).parent == MOUNT:
            words = [
                word for word in options.split(",") if word not in _FLAGS and not word.startswith("release_agent=")
            ]
            named = any(word.startswith("name=") for word in words)
            first.append(Hierarchy(Path(point).name, ",".join(["none", *words] if named else words)))
    if first:
        return Layout(1, tuple(first), _links())
    return Layout(2, (Hierarchy("", ""),)) if unified else None


def host_layout() -> Layout | None:
    return parse_mounts(Path("/proc/mounts").read_text())


def create(layout: Layout, name: str) -> None:
    """Make the machine's group in every hierarchy."""
    for hierarchy in layout.hierarchies:
        parent = MOUNT / hierarchy.folder
        if layout.version == 2:
            _enable_controllers(parent)
        group = parent / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new v1 group, and nothing can join it then
            if layout.version == 1 and (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((parent / setting).read_text())


def join(layout: Layout, name: str, pid: int) -> None:
    for hierarchy in layout.hierarchies:
        (MOUNT / hierarchy.folder / name / "cgroup.procs").write_text(str(pid))


def remove(layout: Layout, name: str, patience: float = 10.0) -> list[Path]:
    """Remove the groups, deepest first; what is still there after ``patience`` seconds is returned."""
    limit = time.monotonic() + patience
    groups = [MOUNT / hierarchy.folder / name for hierarchy in layout.hierarchies]
    while True:
        for group in groups:
            _remove_tree(group)
        left = [group for group in groups if group.exists()]
        if not left or time.monotonic() > limit:
            return left
        time.sleep(0.1)


def remove_all(pattern: str) -> list[Path]:
    """Remove the groups whose names match, in every hierarchy of the host; what is still there is returned.

    Processes in them are killed first: of a machine whose folder is gone, nothing else knows any more.
    """
    layout = host_layout()
    if layout is None:
        return []
    for hierarchy in layout.hierarchies:
        for listing in (MOUNT / hierarchy.folder).glob(f"{pattern}/**/cgroup.procs"):
            _kill(listing)
    names = {group.name for hierarchy in layout.hierarchies for group in (MOUNT / hierarchy.folder).glob(pattern)}
    return [left for name in sorted(names) for left in remove(layout, name)]


def _kill(listing: Path) -> None:
    with contextlib.suppress(OSError):  # the group may go meanwhile
        for pid in listing.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _remove_tree(group: Path) -> None:
    if not group.is_dir():
        return
    for child in [entry for entry in group.iterdir() if entry.is_dir()]:
        _remove_tree(child)
    with contextlib.suppress(OSError):  # busy while a process is on its way out: tried again
        group.rmdir()


def _enable_controllers(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    for controller in available:
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _links() -> tuple[tuple[str, str], ...]:
    """Aliases such as cpu -> cpu,cpuacct."""
    if not MOUNT.is_dir():
        return ()
    return tuple((entry.name, str(entry.readlink())) for entry in MOUNT.iterdir() if entry.is_symlink())
