"""How a machine comes to life: from a process of the host to PID 1 in a root file system of its own.

Runs as a program of its own, twice. Outside, it joins the machine's cgroups and network namespace and lets unshare(1) make
the other namespaces; inside them, it mounts the root, the kernel's file systems and the machine's volumes, turns the root
around with pivot_root (in a plain chroot HTCondor's starter and Apptainer can't make namespaces of their own) and becomes
machine_init.py.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from devcluster import cgroups

CONTROL = "/run/devcluster"
_LEAF_DEVICES = ("shm", "mqueue")


def enter(spec_file: Path) -> None:
    """Outside: join what exists, then go through unshare to ``become_root``."""
    spec = json.loads(spec_file.read_text())
    layout = cgroups.host_layout()
    if layout is not None:
        cgroups.create(layout, spec["cgroup"])
        cgroups.join(layout, spec["cgroup"], os.getpid())
    argv = ["nsenter", f"--net={spec['netns']}"] if spec["netns"] else []
    argv += [
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--uts",
        "--ipc",
        "--cgroup",
        "--fork",
        "--kill-child",
    ]
    argv += [sys.executable, "-m", "devcluster.machine_enter", "inside", str(spec_file)]
    os.execvp(argv[0], argv)  # noqa: S606 - argument lists are ours


def become_root(spec_file: Path) -> None:
    """Inside: mount everything, turn the root, become init."""
    spec = json.loads(spec_file.read_text())
    folder = Path(spec["folder"])
    # /proc is still the host's, so this is the host's number of this very process.
    (folder / "pid").write_text(Path("/proc/self").readlink().name)
    root = _mount_root(spec, folder)
    _mount_kernel(root)
    _mount("tmpfs", root / "run", "-o", "mode=755")
    _bind(folder / "control", root / CONTROL.lstrip("/"))
    _bind(Path(spec["logs"]), root / CONTROL.lstrip("/") / "logs")
    for item in spec["binds"]:
        _bind(Path(item["source"]), root / item["target"].lstrip("/"), read_only=item["read_only"])
    subprocess.run(["hostname", spec["hostname"]], check=True)
    _turn_root(root)
    # Volumes mounted in the machine must reach the containers in it.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-I", "-u", f"{CONTROL}/machine_init.py", CONTROL])  # noqa: S606 - as above


def _mount_root(spec: dict[str, Any], folder: Path) -> Path:
    root = folder / "root"
    layers = f"lowerdir={spec['tree']},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    _mount("overlay", root, "-o", layers)
    return root


def _mount_kernel(root: Path) -> None:
    _mount("proc", root / "proc")
    _mount("sysfs", root / "sys")
    _mount_cgroups(root / "sys/fs/cgroup")
    subprocess.run(["mount", "--rbind", "/dev", root / "dev"], check=True)
    for leaf in _LEAF_DEVICES:
        if (root / "dev" / leaf).is_dir():
            _mount("tmpfs", root / "dev" / leaf, "-o", "mode=1777")


def _mount_cgroups(point: Path) -> None:
    """Mounted here, in the machine's cgroup namespace, a hierarchy shows the machine's own group as its root."""
    layout = cgroups.host_layout()
    if layout is None:
        return
    if layout.version == 2:
        _mount("cgroup2", point)
        _leave_v2_root(point)
        return
    _mount("tmpfs", point, "-o", "mode=755")
    for hierarchy in layout.hierarchies:
        _mount("cgroup", point / hierarchy.folder, "-o", hierarchy.options)
    for name, target in layout.links:
        (point / name).symlink_to(target)


def _leave_v2_root(point: Path) -> None:
    """cgroup v2 hands controllers only to children of a group without processes: init and all programs move one down."""
    (point / "init").mkdir(exist_ok=True)
    (point / "init/cgroup.procs").write_text("0")
    for controller in (point / "cgroup.controllers").read_text().split():
        (point / "cgroup.subtree_control").write_text(f"+{controller}")


def _turn_root(root: Path) -> None:
    old = root / ".old"
    old.mkdir(exist_ok=True)
    os.chdir(root)
    subprocess.run(["pivot_root", ".", ".old"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "--lazy", "/.old"], check=True)


def _mount(kind: str, point: Path, *options: str) -> None:
    point.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, *options, kind, point], check=True)


def _bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    subprocess.run(["mount", "--bind", source, target], check=True)
    if read_only:
        subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


def install_init(control: Path) -> None:
    """Put init where the machine finds it."""
    control.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("machine_init.py"), control / "machine_init.py")


if __name__ == "__main__":
    {"outside": enter, "inside": become_root}[sys.argv[1]](Path(sys.argv[2]))
