"""A browser for tests: Debian's Chromium without a screen, in a machine of its own, driven from outside by playwright.

The host needs no browser, and none of its fonts, names or certificates. The machine is on the host's network, so that what the
browser sees is what a person at the host would see; it knows the platform's names, localhost and no others, and trusts the
platform's authority by its own certificate store.
"""

import shlex
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster import rootfs
from devcluster.addresses import AddressPlan
from devcluster.machine import Machine
from devcluster.network import Network
from devcluster.paths import Checkout
from devcluster.pki import Authority

TREE = rootfs.RootTree(
    "browser", ("ca-certificates", "chromium-headless-shell", "fonts-dejavu-core", "libnss3-tools", "python3")
)
NAME = "browser"
_PROGRAM = "/usr/bin/chromium-headless-shell"
_STORE = "/root/.pki/nssdb"  # where Chromium looks for authorities beside its own
_AUTHORITY = "/etc/highrate/ca.crt"


def ensure(checkout: Checkout, network: Network, cache: Path) -> Path:
    """A program of the host that is the browser: what playwright calls an executable path.

    The machine stays until `down`, as the other ones. Raises CommandFailed.
    """
    checkout.run.mkdir(parents=True, exist_ok=True)
    with (checkout.run / "browser.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        tree = rootfs.ensure(TREE, cache, checkout.logs / "up" / "browser.log")
        machine = Machine(checkout, NAME, tree, NAME)
        machine.start()
        _trust(machine, Authority(checkout.pki))
        program = checkout.run / "chromium"
        command = machine.command([_PROGRAM, *arguments(network.plan)])
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        program.chmod(0o755)
    return program


def arguments(plan: AddressPlan) -> list[str]:
    """The first rule that fits a name counts; a page that calls the world outside must not make a test depend on it."""
    rules = [f"MAP {name} {address}" for address, names in plan.names().items() for name in names]
    return [
        f"--host-resolver-rules={', '.join([*rules, 'EXCLUDE localhost', 'MAP * ~NOTFOUND'])}",
        "--no-sandbox",  # root in a machine that holds nothing else
        "--disable-dev-shm-usage",
        "--disable-gpu",
    ]


def _trust(machine: Machine, authority: Authority) -> None:
    """Put the platform's authority into Chromium's store; a new one takes the place of the old one."""
    wanted = authority.pair.certificate.read_text()
    place = machine.path(_AUTHORITY)
    if place.is_file() and place.read_text() == wanted:
        return
    draft = f"{_AUTHORITY}.new"
    machine.write(draft, wanted)
    # The name that says "done" comes last, so that an interruption is repaired.
    script = f"""\
mkdir -p {_STORE}
[ -e {_STORE}/cert9.db ] || certutil -d sql:{_STORE} -N --empty-password
certutil -d sql:{_STORE} -D -n highrate 2> /dev/null || true
certutil -d sql:{_STORE} -A -n highrate -t C,, -i {draft}
mv {draft} {_AUTHORITY}
"""
    machine.run(["sh", "-ec", script])
