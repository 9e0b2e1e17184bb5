"""The site's packet filter: nothing new comes in but what real sites open, and jobs may dial out.

It lives in the site's network namespace and goes away with it.
"""

from collections.abc import Iterable

from devcluster.network import in_netns

TABLE = "highrate_site"


def site_rules(open_tcp_ports: Iterable[int]) -> str:
    """An nftables script that replaces the table as a whole, so that it can be applied again and again."""
    ports = ", ".join(str(port) for port in sorted(set(open_tcp_ports)))
    return f"""\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        ct state invalid drop
        tcp dport {{ {ports} }} accept
        icmp type echo-request accept
        tcp flags syn reject with tcp reset
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
    }}
}}
"""


def apply_site_rules(netns: str, open_tcp_ports: Iterable[int]) -> None:
    in_netns(netns, ["nft", "-f", "-"], stdin=site_rules(open_tcp_ports))
