"""Names that Kubernetes takes, checked as its API server does (apimachinery, util/validation).

The API server refuses an object as a whole for one bad name in it: a node with one would never be written again.
"""

import re

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SHOWN = 100
# of the resources without a domain, what a site can have beside cpu, memory and pods, which have keys of their own
_NATIVE = frozenset({"ephemeral-storage"})


def quoted(text: str) -> str:
    """`text` for a message: a plugin may have sent a megabyte."""
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}..."'


def is_qualified_name(text: str) -> bool:
    """A key of a label or of a taint: a name of at most 63 characters, perhaps with a DNS subdomain and a slash before it."""
    domain, slash, name = text.rpartition("/")
    if slash and not (len(domain) <= 253 and _SUBDOMAIN.fullmatch(domain)):
        return False
    return len(name) <= 63 and _NAME.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """A value of a label or of a taint; it may be empty."""
    return not text or (len(text) <= 63 and _NAME.fullmatch(text) is not None)


def is_countable_resource(text: str) -> bool:
    """An extended resource (`vendor.example/device`), or a resource of Kubernetes' own that has no key of its own."""
    if text in _NATIVE:
        return True
    domain, slash, _ = text.partition("/")
    reserved = domain.startswith("requests.") or domain == "kubernetes.io" or domain.endswith(".kubernetes.io")
    # quotas name it with a prefix, which has to fit, too
    return bool(slash) and not reserved and is_qualified_name(f"requests.{text}")


def taint_problem(key: str, value: str) -> str | None:
    """What is wrong with a taint, as a sentence; None if nothing is."""
    if not is_qualified_name(key):
        return f"{quoted(key)} is no key for a taint: at most 63 letters, digits and -_., perhaps after a domain and a slash"
    if not is_label_value(value):
        return f"{quoted(value)} is no value for a taint ({key}): at most 63 letters, digits and -_."
    return None
