"""Who calls, where ingresses stand in between."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

UNKNOWN = "unknown"


def remote_address(peer: str | None, forwarded: Sequence[str], proxies: Sequence[IPv4Network | IPv6Network]) -> str:
    """The nearest address that is none of our `proxies`.

    `forwarded` are the values of X-Forwarded-For: each ingress appends whom it saw, so only the right end is to be
    believed, and only as far as our own ingresses go.
    """
    seen = [part.strip() for value in forwarded for part in value.split(",")]
    nearest = peer or UNKNOWN
    while seen and _among(nearest, proxies):
        candidate = seen.pop()
        if not _is_address(candidate):
            break
        nearest = candidate
    return nearest


def _among(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
