"""The site's machine: accounts, names, trust and folders that pool and edge stand on."""

import re
from pathlib import Path

from devcluster.addresses import CE_NAME
from devcluster.firewall import apply_site_rules
from devcluster.images import cvmfs
from devcluster.machine import Bind, Machine
from devcluster.network import Network
from devcluster.paths import Checkout
from devcluster.pki import Authority, KeyPair
from devcluster.site import layout

_TRUST_SOURCE = "/usr/local/share/ca-certificates/highrate.crt"


def site_machine(checkout: Checkout, network: Network, tree: Path, cache: Path) -> Machine:
    """Jobs' scratch lies on a plain folder: a container's writable layer can't be put on top of another overlay."""
    binds = (
        Bind(checkout.volumes / layout.MACHINE / "execute", layout.EXECUTE),
        cvmfs.bind(cache),
    )
    return Machine(checkout, layout.MACHINE, tree, CE_NAME, network.site_netns, binds)


def certificate(network: Network) -> KeyPair:
    """One certificate for collector, schedds and edge: they share the name."""
    authority = Authority(network.checkout.pki)
    return authority.issue("site", CE_NAME, dns=(CE_NAME,), addresses=(network.plan.site,))


def start(machine: Machine, network: Network) -> None:
    """Start or repair the machine, without any of its services."""
    machine.start()
    machine.write("/etc/hosts", network.plan.hosts_file())
    _look_up_names_in_files(machine)
    _trust(machine, Authority(machine.checkout.pki))
    for account in (layout.PILOT, layout.EDGE_ACCOUNT):
        _ensure_account(machine, account)
    machine.run(["chown", "condor:condor", layout.EXECUTE])
    apply_site_rules(network.site_netns, layout.open_ports())


def _look_up_names_in_files(machine: Machine) -> None:
    """There is no name server in reach, and HTCondor's daemons wait for its time-outs for minutes."""
    place = "/etc/nsswitch.conf"
    text = machine.path(place).read_text()
    machine.write(place, re.sub(r"(?m)^hosts:.*$", "hosts: files", text))


def _trust(machine: Machine, authority: Authority) -> None:
    """HTCondor's SciTokens library knows only the system's trust store."""
    wanted = authority.pair.certificate.read_text()
    place = machine.path(_TRUST_SOURCE)
    if place.is_file() and place.read_text() == wanted:
        return
    machine.run(["mkdir", "-p", str(Path(_TRUST_SOURCE).parent)])
    draft = _TRUST_SOURCE + ".new"
    machine.write(draft, wanted)
    # The name that says "done" comes last, so that an interruption is repaired.
    machine.run(
        [
            "sh",
            "-ec",
            f"cp {draft} {_TRUST_SOURCE}; update-ca-certificates || {{ rm {_TRUST_SOURCE}; exit 1; }}; rm {draft}",
        ]
    )


def _ensure_account(machine: Machine, name: str) -> None:
    if machine.run(["id", name], check=False).returncode:
        machine.run(["useradd", "--create-home", "--shell=/bin/bash", name])
