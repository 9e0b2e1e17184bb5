"""Where the hub is found: a port of the node, under a name of its own, with a certificate of the platform's authority."""

from devcluster.addresses import HUB_NAME, AddressPlan
from devcluster.pki import Authority, KeyPair

PORT = 30443
URL = f"https://{HUB_NAME}:{PORT}/"
CALLBACK = f"{URL}hub/oauth_callback"
RELAY_PORTS = (30450, 30451)
"""Of the relay's members, in order."""
RELAY_URL = f"https://{HUB_NAME}:3045{{member}}"


def certificate(authority: Authority, plan: AddressPlan) -> KeyPair:
    return authority.issue("hub", HUB_NAME, dns=(HUB_NAME,), addresses=(plan.hub,))
