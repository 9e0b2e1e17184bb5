"""Network namespaces of the hub and the site, and the veth pairs between them and the host.

Only interfaces and namespaces that carry the checkout's id are made; the host's routes, forwarding and packet filter stay as
they are. A namespace reaches the other one over a link of their own, and nothing beyond the machine.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from devcluster.addresses import POOL, AddressPlan, Link, choose_subnet
from devcluster.commands import run
from devcluster.paths import Checkout

SERVICE_SUBNET = "10.96.0.0/16"
NETNS_FOLDER = Path("/run/netns")


@dataclass(frozen=True)
class Network:
    """The running network of one checkout."""

    checkout: Checkout
    plan: AddressPlan

    @property
    def hub_netns(self) -> str:
        return self.checkout.kernel_name("hub")

    @property
    def site_netns(self) -> str:
        return self.checkout.kernel_name("site")


def plan_network(checkout: Checkout) -> Network:
    """The checkout's addresses: what was chosen before, as long as nobody else took it meanwhile."""
    memory = checkout.run / "subnet"
    known = IPv4Network(memory.read_text().strip()) if memory.is_file() else None
    taken = frozenset(_foreign_subnets(checkout))
    subnet = known if known is not None and known not in taken else choose_subnet(checkout.id, taken)
    if subnet != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        # by rename: others read it meanwhile
        fresh = memory.with_name(f"{memory.name}.{os.getpid()}")
        fresh.write_text(f"{subnet}\n")
        fresh.replace(memory)
    return Network(checkout, AddressPlan(subnet))


def network_up(network: Network) -> None:
    """Make what is missing; what is there stays, so a running platform isn't disturbed."""
    plan = network.plan
    hub, site = network.hub_netns, network.site_netns
    for netns in (hub, site):
        if not netns_path(netns).exists():
            run(["ip", "netns", "add", netns])
        _ip(netns, "link", "set", "lo", "up")
    host_hub, host_site = _host_interfaces(network.checkout)
    _pair(None, host_hub, hub, "eth0", plan.host_hub)
    _pair(None, host_site, site, "eth0", plan.host_site)
    _pair(hub, "site0", site, "hub0", plan.hub_site)
    _ip(hub, "route", "replace", f"{plan.site}/32", "via", str(plan.hub_site.right), "src", str(plan.hub))
    _ip(site, "route", "replace", f"{plan.hub}/32", "via", str(plan.hub_site.left), "src", str(plan.site))
    # A connection to a service needs some route before kube-proxy's rules turn it to a pod.
    _ip(hub, "route", "replace", SERVICE_SUBNET, "via", str(plan.host_hub.left))
    _kernel_setting(hub, "net/ipv4/ip_forward")
    _kernel_setting(hub, "net/bridge/bridge-nf-call-iptables")


def network_down(network: Network) -> None:
    """Remove both namespaces; the veth pairs and packet filter rules in them go with them."""
    for netns in (network.hub_netns, network.site_netns):
        if netns_path(netns).exists():
            run(["ip", "netns", "delete", netns])
    for interface in _host_interfaces(network.checkout):
        run(["ip", "link", "delete", interface], check=False)


def netns_path(netns: str) -> Path:
    return NETNS_FOLDER / netns


def netns_processes(netns: str) -> list[int]:
    """Processes of anybody in the namespace, none if there is no such namespace."""
    if not netns_path(netns).exists():
        return []
    done = run(["ip", "netns", "pids", netns], check=False)
    return [int(word) for word in done.stdout.split()]


def in_netns(netns: str, argv: list[str], *, stdin: str | None = None, check: bool = True) -> str:
    """Run a host program in the namespace. Not `ip netns exec`: that mounts a fresh /sys without cgroups."""
    return run(["nsenter", f"--net={netns_path(netns)}", *argv], stdin=stdin, check=check).stdout


def _ip(netns: str | None, *words: str) -> str:
    where = ["-n", netns] if netns else []
    return run(["ip", *where, *words]).stdout


def _kernel_setting(netns: str, name: str) -> None:
    """Switch a network setting on; /proc/sys/net shows the namespace of whoever writes. Absent ones have no say."""
    in_netns(netns, ["tee", f"/proc/sys/{name}"], stdin="1\n", check=False)


def _pair(left_netns: str | None, left: str, right_netns: str, right: str, link: Link) -> None:
    if not _has_interface(left_netns, left):
        # An end left over from a half-made pair would keep the name busy.
        if _has_interface(right_netns, right):
            _ip(right_netns, "link", "delete", right)
        _ip(left_netns, "link", "add", left, "type", "veth", "peer", "name", right, "netns", right_netns)
    for netns, name, address in ((left_netns, left, link.left), (right_netns, right, link.right)):
        _ip(netns, "address", "replace", f"{address}/{link.prefix}", "dev", name)
        _ip(netns, "link", "set", name, "up")


def _has_interface(netns: str | None, name: str) -> bool:
    where = ["-n", netns] if netns else []
    return run(["ip", *where, "link", "show", "dev", name], check=False).returncode == 0


def _host_interfaces(checkout: Checkout) -> tuple[str, str]:
    return checkout.kernel_name("h0"), checkout.kernel_name("s0")


def _foreign_subnets(checkout: Checkout) -> Iterator[IPv4Network]:
    """Subnets of our pool on interfaces of the host that aren't this checkout's."""
    ours = _host_interfaces(checkout)
    for interface in json.loads(run(["ip", "-json", "address"]).stdout or "[]"):
        if interface.get("ifname") in ours:
            continue
        for entry in interface.get("addr_info", []):
            if entry.get("family") == "inet" and IPv4Address(entry["local"]) in POOL:
                yield IPv4Network(f"{entry['local']}/26", strict=False)
