"""The files by which a container knows names: /etc/hosts, and /etc/resolv.conf where the pod has a word in it."""

from typing import List, Tuple

from .plan import Dns, Pod

MOST_NAMESERVERS = 3  # that the C library reads


def hosts_file(pod: Pod, machine: str, address: str) -> str:
    """/etc/hosts of the pod: the machine's, whose network it shares, the pod's own name, and the names that the pod asks for.

    A pod that says itself that it uses the machine's network has no name of its own there, as under a kubelet.
    """
    kind = " (host network)" if pod.host_network else ""
    lines = ["# Kubernetes-managed hosts file%s." % kind, *machine.splitlines()]
    if not pod.host_network:
        names = [name for name in (pod.full_name, pod.hostname) if name]
        lines.append("\t".join([address or "127.0.0.1", *dict.fromkeys(names)]))
    for alias in pod.host_aliases:
        lines.append("%s\t%s" % (alias.ip, "\t".join(alias.hostnames)))
    return "\n".join(lines) + "\n"


def resolv_conf(dns: Dns, machine: str) -> str:
    """/etc/resolv.conf: the pod's part alone, or after the machine's; of options with the same name the pod's counts."""
    servers, searches, options = ([], [], []) if dns.alone else _parsed(machine)
    servers = list(dict.fromkeys([*servers, *dns.nameservers]))[:MOST_NAMESERVERS]
    searches = list(dict.fromkeys([*searches, *dns.searches]))
    named = {option.partition(":")[0]: option for option in [*options, *dns.options]}
    lines = ["nameserver " + server for server in servers]
    lines += ["search " + " ".join(searches)] if searches else []
    lines += ["options " + " ".join(named.values())] if named else []
    return "\n".join(lines) + "\n"


def _parsed(text: str) -> Tuple[List[str], List[str], List[str]]:
    """Name servers, search domains (the last line of them counts) and options."""
    servers: List[str] = []
    searches: List[str] = []
    options: List[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"]:
            servers += words[1:2]
        elif words[:1] in (["search"], ["domain"]):
            searches = words[1:]
        elif words[:1] == ["options"]:
            options += words[1:]
    return servers, searches, options
