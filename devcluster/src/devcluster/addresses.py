"""Addresses of one checkout: a /26 out of 10.213.0.0/16, cut into one /30 per pair of ends.

The three ends are the host, the hub's namespace (Kubernetes) and the site's namespace (HTCondor). Each namespace is known
by its address on the link to the host; the direct link hub-site carries the traffic between the two, so that the host never
forwards anything.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

POOL = IPv4Network("10.213.0.0/16")
SUBNETS = tuple(POOL.subnets(new_prefix=26))

DOMAIN = "highrate.test"
IAM_NAME = f"iam.{DOMAIN}"
CE_NAME = f"ce.{DOMAIN}"
HUB_NAME = f"hub.{DOMAIN}"


@dataclass(frozen=True)
class Link:
    """Both ends of one veth pair."""

    left: IPv4Address
    right: IPv4Address
    prefix: int = 30


@dataclass(frozen=True)
class AddressPlan:
    """Every address of one checkout, derived from its subnet."""

    subnet: IPv4Network

    @property
    def host_hub(self) -> Link:
        return self._link(0)

    @property
    def host_site(self) -> Link:
        return self._link(1)

    @property
    def hub_site(self) -> Link:
        return self._link(2)

    @property
    def hub(self) -> IPv4Address:
        """Where everybody finds Kubernetes and the identity provider."""
        return self.host_hub.right

    @property
    def site(self) -> IPv4Address:
        """Where everybody finds the schedd, the compute element and the edge."""
        return self.host_site.right

    def worker(self, index: int) -> IPv4Address:
        """The address of one of the site's worker machines, out of their half of the subnet; 0 is the way to the others."""
        return self.workers[index + 1]

    @property
    def workers(self) -> IPv4Network:
        return list(self.subnet.subnets(prefixlen_diff=1))[1]

    def names(self) -> dict[str, tuple[str, ...]]:
        """Address to host names, as in /etc/hosts and in the cluster's DNS."""
        return {str(self.hub): (IAM_NAME, HUB_NAME), str(self.site): (CE_NAME,)}

    def hosts_file(self) -> str:
        lines = ["127.0.0.1 localhost"]
        lines += [f"{address} {' '.join(names)}" for address, names in self.names().items()]
        return "\n".join(lines) + "\n"

    def _link(self, index: int) -> Link:
        base = self.subnet.network_address + 4 * index
        return Link(base + 1, base + 2)


def choose_subnet(checkout_id: str, taken: frozenset[IPv4Network]) -> IPv4Network:
    """The checkout's own subnet: by its id, the next free one if another checkout's interfaces are already there."""
    first = int(checkout_id, 16) % len(SUBNETS)
    for step in range(len(SUBNETS)):
        subnet = SUBNETS[(first + step) % len(SUBNETS)]
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise LookupError(f"every subnet of {POOL} is in use on this machine")
