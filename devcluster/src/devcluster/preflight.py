"""What this machine must offer, judged before anything is begun, in one list with what to do.

Judging is separate from looking (host_facts.py): a table of facts in, a list of conditions out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from devcluster.kubernetes.tools import remedy

GIB = 1 << 30
NEEDED_MEMORY = 3 * GIB
GOOD_MEMORY = 6 * GIB
NEEDED_DISK = 6 * GIB
GOOD_DISK = 15 * GIB

Verdict = Literal["ok", "doubtful", "missing"]


@dataclass(frozen=True)
class Condition:
    """One line of the list. ``missing`` stops the start, ``doubtful`` is only said."""

    name: str
    verdict: Verdict
    seen: str
    remedy: str = ""


@dataclass(frozen=True)
class Trial:
    """A thing that was tried on this kernel: whether it worked, and what was said if not."""

    worked: bool
    said: str = ""


@dataclass(frozen=True)
class HostFacts:
    """What was seen on this machine. Sizes in bytes."""

    is_root: bool
    machine: str
    cgroup_version: int | None
    hybrid: bool
    memory_available: int
    disk_free: int
    disk_place: str
    missing_commands: tuple[str, ...]
    namespaces: Trial
    overlay: Trial
    packet_filter: Trial
    bridge_filter: bool
    apt_said: str = ""
    """The last lines of apt, if it was asked for them in vain."""
    docker: bool = False
    lacking_tools: tuple[str, ...] = ()
    """kubectl and helm, where this processor's host must have them."""


def judge_embedded(facts: HostFacts) -> list[Condition]:
    """Conditions of the embedded provider."""
    return [
        _root(facts),
        _architecture(facts),
        _commands(facts),
        *_tools(facts),
        _trial("namespaces", facts.namespaces, "run on the host itself, or in a container started with --privileged"),
        _cgroups(facts),
        _trial(
            "overlay file system",
            facts.overlay,
            "`modprobe overlay`; a checkout that lies on an overlay itself (in a container) needs a volume under it",
        ),
        _trial(
            "veth and nftables",
            facts.packet_filter,
            "`modprobe -a veth bridge nf_tables nf_nat nft_chain_nat nft_compat`",
        ),
        _bridge_filter(facts),
        _memory(facts),
        _disk(facts),
    ]


def stops(conditions: Sequence[Condition]) -> bool:
    return any(condition.verdict == "missing" for condition in conditions)


def _root(facts: HostFacts) -> Condition:
    if facts.is_root:
        return Condition("root", "ok", "running as root")
    instead = (
        "or, since Docker answers, choose `--provider kind`" if facts.docker else "or install Docker and choose kind"
    )
    return Condition("root", "missing", "not root", f"run it with sudo, {instead}")


def _architecture(facts: HostFacts) -> Condition:
    if facts.machine in ("x86_64", "aarch64"):
        return Condition("processor", "ok", facts.machine)
    return Condition("processor", "missing", facts.machine, "x86_64 or aarch64 is needed")


def _commands(facts: HostFacts) -> Condition:
    if not facts.missing_commands:
        return Condition("programs of the host", "ok", "all there")
    names = ", ".join(facts.missing_commands)
    if facts.apt_said:
        seen = f"no {names}; apt can't install them:\n{facts.apt_said}"
        return Condition("programs of the host", "missing", seen, "install them, or mend apt's sources")
    return Condition(
        "programs of the host", "missing", f"no {names}", "install them; on Debian and Ubuntu this is done for you"
    )


def _tools(facts: HostFacts) -> list[Condition]:
    if not facts.lacking_tools:
        return []
    names = " and ".join(facts.lacking_tools)
    return [Condition("kubectl and helm", "missing", f"no {names} that is new enough", remedy(facts.lacking_tools))]


def _trial(name: str, trial: Trial, remedy: str) -> Condition:
    if trial.worked:
        return Condition(name, "ok", "tried, works")
    return Condition(name, "missing", trial.said or "tried, fails", remedy)


def _cgroups(facts: HostFacts) -> Condition:
    if facts.cgroup_version is None:
        return Condition("cgroups", "missing", "none at /sys/fs/cgroup", "`mount -t cgroup2 cgroup2 /sys/fs/cgroup`")
    kind = "v1 and v2 (hybrid: v1 is used)" if facts.hybrid else f"v{facts.cgroup_version}"
    return Condition("cgroups", "ok", kind)


def _bridge_filter(facts: HostFacts) -> Condition:
    if facts.bridge_filter:
        return Condition("br_netfilter", "ok", "there")
    remedy = (
        "`modprobe br_netfilter`; without it a pod can't reach a service whose pod is on the same node by its address"
    )
    return Condition("br_netfilter", "doubtful", "not loaded", remedy)


def _memory(facts: HostFacts) -> Condition:
    seen = f"{facts.memory_available / GIB:.1f} GiB available"
    return _amount("memory", seen, facts.memory_available, (NEEDED_MEMORY, GOOD_MEMORY), "end other programs")


def _disk(facts: HostFacts) -> Condition:
    seen = f"{facts.disk_free / GIB:.1f} GiB free at {facts.disk_place}"
    remedy = "make room, or set XDG_CACHE_HOME to another disk"
    return _amount("disk", seen, facts.disk_free, (NEEDED_DISK, GOOD_DISK), remedy)


def _amount(name: str, seen: str, found: int, limits: tuple[int, int], remedy: str) -> Condition:
    needed, good = limits
    if found < needed:
        return Condition(name, "missing", seen, f"{needed // GIB} GiB are needed: {remedy}")
    if found < good:
        return Condition(
            name, "doubtful", seen, f"{good // GIB} GiB are better when everything is built for the first time"
        )
    return Condition(name, "ok", seen)
