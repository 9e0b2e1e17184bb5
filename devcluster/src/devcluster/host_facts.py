"""Looking at this machine for preflight: most things are tried rather than guessed from names and versions."""

import os
import shutil
import tempfile
from pathlib import Path

from devcluster import cgroups
from devcluster.commands import run
from devcluster.kubernetes import tools
from devcluster.paths import Checkout, cache_root
from devcluster.preflight import HostFacts, Trial

# The program and the Debian packages that it comes with; mmdebstrap looks for the archive's keys with gpg.
COMMANDS = {
    "mmdebstrap": ("mmdebstrap", "gpg", "debian-archive-keyring"),
    "ip": ("iproute2",),
    "nft": ("nftables",),
    "nsenter": ("util-linux",),
    "unshare": ("util-linux",),
    "mount": ("mount",),
    "tar": ("tar",),
}
_MODULES = ("overlay", "veth", "bridge", "br_netfilter", "nf_nat", "nft_chain_nat", "nft_compat")
APT_LINES = 6
_BRIDGE_FILTER = Path("/proc/sys/net/bridge")


def look(checkout: Checkout) -> HostFacts:
    place = checkout.run
    place.mkdir(parents=True, exist_ok=True)
    is_root = os.geteuid() == 0
    layout = cgroups.host_layout()
    missing = tuple(command for command in COMMANDS if not shutil.which(command))
    disk = _nearest(cache_root())
    return HostFacts(
        is_root=is_root,
        machine=os.uname().machine,
        cgroup_version=layout.version if layout else None,
        hybrid=bool(layout and layout.version == 1 and _mounts("cgroup2")),
        memory_available=_memory_available(),
        disk_free=shutil.disk_usage(disk).free,
        disk_place=str(disk),
        missing_commands=missing,
        namespaces=_try(
            is_root, ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "true"]
        ),
        overlay=_try_overlay(is_root, place),
        packet_filter=_try(is_root, ["unshare", "--net", "sh", "-ec", _PACKET_FILTER]),
        bridge_filter=_BRIDGE_FILTER.is_dir(),
        docker=docker_answers(),
        lacking_tools=tools.lacking(os.uname().machine),
    )


_PACKET_FILTER = """\
ip link add left type veth peer name right
ip link add middle type bridge
nft add table ip trial
nft 'add chain ip trial nat { type nat hook postrouting priority 100; }'
"""


def load_modules() -> None:
    """Ask for the kernel modules; built-in ones and kernels without modules have nothing to load."""
    if os.geteuid() == 0 and shutil.which("modprobe"):
        for module in _MODULES:
            run(["modprobe", "--quiet", module], check=False)


def install_packages(missing: tuple[str, ...]) -> str:
    """Install the host's missing programs with apt. What apt said last if it failed, else nothing."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return ""
    packages = sorted({package for command in missing for package in COMMANDS[command]})
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = run(["apt-get", "update", "-qq"], env=env, check=False)
    install = run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env, check=False)
    if install.returncode == 0:
        return ""
    # an update that failed is often why
    said = [line for done in (update, install) if done.returncode for line in (done.stdout + done.stderr).splitlines()]
    return "\n".join(said[-APT_LINES:])


def docker_answers() -> bool:
    return bool(shutil.which("docker")) and run(["docker", "info"], check=False, timeout=20).returncode == 0


def _try(is_root: bool, argv: list[str]) -> Trial:
    if not is_root:
        return Trial(False, "not tried: needs root")
    if not shutil.which(argv[0]):
        return Trial(False, f"not tried: no {argv[0]}")
    done = run(argv, check=False)
    return Trial(done.returncode == 0, (done.stderr or done.stdout).strip().replace("\n", "; "))


def _try_overlay(is_root: bool, place: Path) -> Trial:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        names = ("lower", "upper", "work", "root")
        for name in names:
            (Path(folder) / name).mkdir()
        lower, upper, work, root = (f"{folder}/{name}" for name in names)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        return _try(is_root, ["unshare", "--mount", "mount", "-t", "overlay", "-o", options, "overlay", root])


def _memory_available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _mounts(kind: str) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == kind]


def _nearest(place: Path) -> Path:
    while not place.exists():
        place = place.parent
    return place
