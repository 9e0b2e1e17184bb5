"""Worker machines of the pool: each has a network of its own and runs one job at a time.

Jobs share the network of their machine. On the one machine that the pool has otherwise, two pods that listen on the same port
can't run side by side; on machines of their own they can, as at a site with many of them. They hang on a bridge in the site's
network namespace, and are as reachable from each other as a site's machines are. Everything else they share with the site's
machine: its files, its accounts, its clock.
"""

from devcluster.machine import Machine, Program
from devcluster.network import Network
from devcluster.paths import content_key
from devcluster.site import condor, layout
from devcluster.site.master import STOP, command

_PREFIX = "worker-"
_ORDER = 25  # after the pool's own daemons
MOST = 29
"""As many addresses as there are."""

_BRIDGE = """\
ip link show workers > /dev/null 2>&1 || ip link add workers type bridge
ip address replace {gateway}/{prefix} dev workers
ip link set workers up
# traffic between two of them is none of the site's packet filter
[ ! -e /proc/sys/net/bridge ] || echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables
"""
# Below 1024 only root may listen, unless a site says so; what a pod is allowed to is what its own network allows.
_WORKER = """\
[ -e /run/netns/{name} ] || ip netns add {name}
ip link show {name} > /dev/null 2>&1 || ip link add {name} type veth peer name eth0 netns {name}
ip link set {name} master workers up
ip -n {name} link set lo up
ip -n {name} address replace {address}/{prefix} dev eth0
ip -n {name} link set eth0 up
ip -n {name} route replace default via {gateway}
nsenter --net=/run/netns/{name} sh -c 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start'
"""
_REMOVE = """\
ip netns delete {name} 2> /dev/null || true
ip link delete {name} 2> /dev/null || true
"""


def provide(machine: Machine, network: Network, slots: layout.Slots) -> None:
    """Start as many as are asked for, and take away the others."""
    if slots.machines > MOST:
        raise ValueError(f"{slots.machines} worker machines are asked for, and there are addresses for {MOST}")
    names = [f"{_PREFIX}{number}" for number in range(1, slots.machines + 1)]
    _remove(machine, [name for name in machine.wanted() if name.startswith(_PREFIX) and name not in names])
    if names:
        _run(machine, setup_script(network, names))
    for number, name in enumerate(names, start=1):
        text = condor.worker_config(name, network.plan.worker(number), network.plan.site, slots)
        place = f"{layout.worker_state(name)}/condor_config"
        machine.write(place, text)
        machine.supervise(_program(name, {"CONDOR_CONFIG": place, "SITE_FILES": content_key(text)}))


def setup_script(network: Network, names: list[str]) -> str:
    """A shell script that makes the networks, or what is missing of them."""
    plan = network.plan
    common = {"gateway": plan.worker(0), "prefix": plan.workers.prefixlen}
    parts = [_BRIDGE.format(**common)]
    for number, name in enumerate(names, start=1):
        parts.append(_WORKER.format(name=name, address=plan.worker(number), **common))
    return "".join(parts)


def _program(name: str, env: dict[str, str]) -> Program:
    state = layout.worker_state(name)
    folders = (state, f"{state}/log", f"{state}/spool", layout.worker_run(name), layout.worker_execute(name))
    argv = ("nsenter", f"--net=/run/netns/{name}", *command(name, folders))
    return Program(name, argv, env=env, order=_ORDER, stop_signal=STOP)


def _remove(machine: Machine, names: list[str]) -> None:
    for name in names:
        machine.forget(name)
    if names:
        _run(machine, "".join(_REMOVE.format(name=name) for name in names) + "ip link delete workers || true\n")


def _run(machine: Machine, script: str) -> None:
    machine.run(["sh", "-ec", script])
