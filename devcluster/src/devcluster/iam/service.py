"""The provider as a machine of its own in the hub's network namespace.

Not in Kubernetes' machine: the site needs it also where no Kubernetes runs, and a hub that is redeployed must not take the
logins away.
"""

import json
import time
from pathlib import Path

from devcluster import pki
from devcluster.addresses import IAM_NAME
from devcluster.iam import installation, registry
from devcluster.iam.tokens import TokenEndpoint
from devcluster.machine import Bind, Machine, Program
from devcluster.network import Network
from devcluster.paths import Checkout, content_key
from devcluster.pki import Authority

NAME = "iam"
ACCOUNT = "nobody"
_FILES = "/etc/iam"
_PROGRAM = "/opt/iam"
READY_SECONDS = 30.0


class IamNotReady(Exception):
    """The provider doesn't answer; the message says where its log is."""


def iam_machine(checkout: Checkout, network: Network, tree: Path, cache: Path) -> Machine:
    binds = (Bind(installation.installed(cache), _PROGRAM, read_only=True),)
    return Machine(checkout, NAME, tree, NAME, network.hub_netns, binds)


def secrets_file(checkout: Checkout) -> Path:
    return checkout.state / "iam" / "secrets.json"


def token_endpoint(checkout: Checkout, network: Network) -> TokenEndpoint:
    return TokenEndpoint(f"https://{network.plan.hub}:{registry.PORT}/", Authority(checkout.pki).pair.certificate)


def start(machine: Machine, network: Network) -> None:
    """Start or repair the machine and the provider in it, and wait until it answers. Raises IamNotReady."""
    checkout = machine.checkout
    authority = Authority(checkout.pki)
    tls = authority.issue(NAME, IAM_NAME, dns=(IAM_NAME,), addresses=(network.plan.hub,))
    signing = pki.signing_key(checkout.pki / "iam-signing.key")
    known = registry.ensure_secrets(secrets_file(checkout))
    files = {
        "config.json": json.dumps(registry.program_configuration(known, _FILES), indent=1),
        "tls.crt": tls.certificate.read_text(),
        "tls.key": tls.key.read_text(),
        "signing.key": signing.read_text(),
    }
    machine.start()
    machine.write("/etc/hosts", network.plan.hosts_file())
    for name, text in files.items():
        machine.write(f"{_FILES}/{name}", text, mode=0o600)
    write_people(machine, registry.people(known))
    # The program reads its files once: another key in its environment makes init start it again.
    env = {"IAM_FILES": content_key(*files.values()), "NODE_ENV": "production"}
    argv = (f"{_PROGRAM}/{installation.NODE}", f"{_PROGRAM}/server.mjs", f"{_FILES}/config.json")
    machine.supervise(Program(NAME, argv, env=env, user=ACCOUNT, cwd="/"))
    _wait(machine, token_endpoint(checkout, network))


def write_people(machine: Machine, people: list[dict[str, object]]) -> None:
    """Who there is, and in which groups, from now on; who is logged in stays so."""
    machine.write(f"{_FILES}/{registry.USERS_FILE}", json.dumps(people, indent=1), mode=0o600)
    machine.run(["chown", "-R", ACCOUNT, _FILES])
    state = machine.programs().get(NAME)
    if state is not None and state.pid:
        machine.run(["kill", "-HUP", str(state.pid)])


def _wait(machine: Machine, endpoint: TokenEndpoint) -> None:
    limit = time.monotonic() + READY_SECONDS
    while not endpoint.healthy():
        if time.monotonic() > limit:
            raise IamNotReady(f"the identity provider doesn't answer: see {machine.log_folder / 'iam.log'}")
        time.sleep(0.2)
