"""The running site as a client on this machine reaches it: addresses, authority, tokens, a shell. Tests stand on this."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from devcluster import rootfs
from devcluster.addresses import CE_NAME
from devcluster.iam import registry, service
from devcluster.iam.tokens import TokenEndpoint
from devcluster.machine import Machine
from devcluster.network import Network, plan_network
from devcluster.paths import Checkout, cache_root, find_checkout
from devcluster.pki import Authority
from devcluster.site import layout
from devcluster.site.machine import site_machine


class SiteNotUp(Exception):
    """The site isn't running; the text says how to start it."""


@dataclass(frozen=True)
class Site:
    """One checkout's site, which runs."""

    checkout: Checkout
    network: Network

    @property
    def ca_file(self) -> Path:
        """The authority of every certificate of the site and the provider."""
        return Authority(self.checkout.pki).pair.certificate

    def collector(self, endpoint: str) -> str:
        """What htcondor2.Collector takes on this host: the address, and the name that the certificate is checked for."""
        return f"<{self.network.plan.site}:{layout.ENDPOINTS[endpoint].queue_port}?alias={CE_NAME}>"

    def schedd_name(self, endpoint: str) -> str:
        return layout.ENDPOINTS[endpoint].schedd

    def edge_url(self, endpoint: str) -> str:
        """The edge by address: the host doesn't know the site's names."""
        return f"https://{self.network.plan.site}:{layout.ENDPOINTS[endpoint].edge_port}"

    @cached_property
    def provider(self) -> TokenEndpoint:
        return service.token_endpoint(self.checkout, self.network)

    @cached_property
    def secrets(self) -> registry.Secrets:
        return registry.ensure_secrets(service.secrets_file(self.checkout))

    def token(self, client: str = registry.SIDECAR, audience: str = registry.SITE_AUDIENCE, scope: str = "") -> str:
        """An access token from the provider for one of its service clients, by client_credentials."""
        return self.provider.client_credentials(client, self.secrets.clients[client], audience, scope)

    def edge_token(self, client: str = registry.VK) -> str:
        return self.token(client, registry.EDGE_AUDIENCE)

    @cached_property
    def machine(self) -> Machine:
        cache = cache_root()
        return site_machine(self.checkout, self.network, rootfs.MACHINE.path(cache), cache)

    @cached_property
    def iam(self) -> Machine:
        """The provider's machine."""
        cache = cache_root()
        return service.iam_machine(self.checkout, self.network, rootfs.MACHINE.path(cache), cache)

    @contextlib.contextmanager
    def with_groups(self, username: str, *groups: str) -> Iterator[None]:
        """A person is in these groups for a while; who is logged in stays so."""
        people = [replace(user, groups=groups) if user.username == username else user for user in registry.USERS]
        service.write_people(self.iam, registry.people(self.secrets, people))
        try:
            yield
        finally:
            service.write_people(self.iam, registry.people(self.secrets))

    def run(
        self, argv: Sequence[str], *, user: str = "", ce: bool = False, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at the site; HTCondor's tools ask the pool, with ``ce`` the compute element."""
        env = {"CONDOR_CONFIG": "/etc/condor-ce/condor_config"} if ce else {}
        return self.machine.run(argv, user=user, env=env, check=check, timeout=timeout)


def running_site(checkout: Checkout | None = None) -> Site:
    """The checkout's site (default: of the working directory). Raises SiteNotUp."""
    where = checkout or find_checkout()
    found = Site(where, plan_network(where))
    if found.machine.pid is None or not found.provider.healthy():
        raise SiteNotUp("the site isn't running: start it with `python -m devcluster.site up`")
    return found
