"""Root file systems of machines and images: Debian trees made by mmdebstrap, cached by what they are made of.

A tree in the cache is never changed again: machines put an overlay over it. A tree is built beside its final place and
renamed at the end, so that whatever is under the final name is complete.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster.apt_mirrors import SUITE, host_mirrors, sid_hook, sources
from devcluster.commands import run, run_logged
from devcluster.paths import content_key

RECIPE = "3"  # part of the key: count up when build() makes something else of the same packages

# Nobody reads these in a machine or an image.
_LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


@dataclass(frozen=True)
class RootTree:
    """A Debian tree: packages of the suite, and a few that only sid has (with their dependencies pinned low)."""

    name: str
    packages: tuple[str, ...] = ()
    sid_packages: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return content_key(RECIPE, SUITE, os.uname().machine, *sorted(self.packages), "sid", *sorted(self.sid_packages))

    def path(self, cache: Path) -> Path:
        return cache / "rootfs" / f"{self.name}-{self.key}"


# What images are built on where no registry can be asked for debian:trixie-slim.
BASE = RootTree("base", ("ca-certificates",))

# One tree for the Kubernetes node, the HTCondor site and image builds: they differ in what runs, and a second tree of the
# same packages would only cost time and disk.
MACHINE = RootTree(
    "machine",
    (
        "buildah", "ca-certificates", "condor", "conntrack", "containerd", "containernetworking-plugins", "crun", "curl",
        "etcd-client", "etcd-server", "fuse3", "iproute2", "iptables", "kmod", "mount", "netavark",
        "nftables", "nodejs", "openssl", "procps", "python3", "python3-venv", "runc", "socat", "squashfs-tools", "util-linux",
    ),
    ("apptainer",),
)  # fmt: skip

# Only where the host has no Go.
GOLANG = RootTree("golang", ("ca-certificates", "golang-go", "python3"))


def ensure(tree: RootTree, cache: Path, log: Path) -> Path:
    """The tree's folder, built if it isn't there (1-2 minutes). Raises CommandFailed."""
    place = tree.path(cache)
    if place.is_dir():
        return place
    with _one_builder(place):
        if not place.is_dir():
            _build(tree, place, log)
    return place


def _build(tree: RootTree, place: Path, log: Path) -> None:
    partial = place.with_name(place.name + ".partial")
    _unmount_below(partial)
    shutil.rmtree(partial, ignore_errors=True)
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--skip=check/empty"]
    argv += [f"--include={','.join(sorted(tree.packages + tree.sid_packages))}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEAVE_OUT]
    # A mirror that is a snapshot has release files older than their own validity.
    argv += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Languages "none"', *_host_proxies()]
    lines = sources(host_mirrors())
    with tempfile.TemporaryDirectory() as scratch:
        if tree.sid_packages:
            hook = Path(scratch) / "sid"
            hook.write_text(sid_hook())
            hook.chmod(0o755)
            argv.append(f"--setup-hook={hook} $1")
        argv += [SUITE, str(partial)]
        if lines:
            source_list = Path(scratch) / "sources.list"
            source_list.write_text(lines)
            argv.append(str(source_list))
        run_logged(argv, log)
    partial.rename(place)


def _host_proxies() -> list[str]:
    """The host apt's proxy and certificate settings: mmdebstrap starts from an empty configuration."""
    options = []
    for line in run(["apt-config", "dump"], check=False).stdout.splitlines() if shutil.which("apt-config") else []:
        name = line.split(" ", 1)[0]
        if name.startswith(("Acquire::http", "Acquire::https")) and not line.endswith('"";'):
            options.append(f"--aptopt={line.rstrip(';')}")
    return options


def _unmount_below(folder: Path) -> None:
    """An interrupted mmdebstrap may leave its /proc, /sys and /dev mounted: deleting through them would be a disaster."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((m for m in mounts if Path(m).is_relative_to(folder)), key=len, reverse=True):
        run(["umount", "--lazy", point])


@contextmanager
def _one_builder(place: Path) -> Iterator[None]:
    """Two checkouts may start at once: the second waits and finds the tree there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(place.name + ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
