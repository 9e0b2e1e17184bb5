"""The pod's host name, its full name in the cluster, and how it resolves other names.

A job has its machine's resolver, which knows nothing of the cluster's names: `dnsPolicy` chooses nothing there but None, with which
the pod's own `dnsConfig` is all there is. With any other policy `dnsConfig` is added to the machine's. Rules: Kubernetes'
pkg/kubelet/network/dns and GeneratePodHostNameAndDomain.
"""

import ipaddress
import re
from typing import Final

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job

LONGEST_HOSTNAME: Final = 63
LONGEST_FULL_NAME: Final = 64  # the kernel's limit for a host name
SEARCH: Final = re.compile(r"\.|[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
OPTION: Final = re.compile(r"[^\s#;:]{1,64}")
POLICIES: Final = ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")


def hostname(metadata: Node, spec: Node, policy: Policy) -> tuple[str, str]:
    """The host name, and the full name for /etc/hosts ("": there is none)."""
    name, override = metadata["name"].text(), spec["hostnameOverride"].text()
    if override:
        return override[:LONGEST_FULL_NAME], ""
    short = (spec["hostname"].text() or name)[:LONGEST_HOSTNAME].rstrip("-.")
    subdomain = spec["subdomain"].text()
    if not subdomain:
        return short, ""
    full = f"{short}.{subdomain}.{metadata['namespace'].text()}.svc.{policy.cluster_domain}"
    if not spec["setHostnameAsFQDN"].flag():
        return short, full
    if len(full) > LONGEST_FULL_NAME:
        spec["setHostnameAsFQDN"].reject(
            f"Failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
            f"({LONGEST_FULL_NAME} characters is the max, {len(full)} characters requested): use a shorter hostname or subdomain"
        )
    return full[:LONGEST_FULL_NAME], full


def resolver(spec: Node) -> job.Dns | None:
    """What becomes of /etc/resolv.conf; None: the machine's as it is."""
    node, config = spec["dnsPolicy"], spec["dnsConfig"]
    if node.text() not in POLICIES:
        node.reject(f'dnsPolicy "{node.text()}" is not known: use None with a dnsConfig, or remove it')
    alone = node.text() == "None"
    if alone and not config["nameservers"].given:
        node.reject("dnsPolicy None needs dnsConfig.nameservers: name one")
    if not alone and not config.given:
        return None
    return job.Dns(
        [_address(each) for each in config["nameservers"].elements()],
        [_shaped(each, SEARCH, "a domain to search") for each in config["searches"].elements()],
        [_option(each) for each in config["options"].elements()],
        alone,
    )


def _address(node: Node) -> str:
    try:
        return str(ipaddress.ip_address(node.text()))
    except ValueError:
        node.reject(f'"{node.text()}" is not the address of a name server: correct it')
        return ""


def _option(node: Node) -> str:
    name = _shaped(node["name"], OPTION, "the name of an option")
    value = _shaped(node["value"], OPTION, "the value of an option") if node["value"].text() else ""
    return f"{name}:{value}" if value else name


def _shaped(node: Node, shape: re.Pattern[str], what: str) -> str:
    if not shape.fullmatch(node.text()):
        node.reject(f'"{node.text()}" is not {what}: correct it')
    return node.text()
