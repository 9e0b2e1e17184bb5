"""Which member of the relay a cluster uses: always the same while the list stays, and few move when it changes."""

import hashlib
from collections.abc import Sequence


def member(members: Sequence[str], cluster: str) -> str:
    """The address of the cluster's member (rendezvous hashing)."""
    return max(members, key=lambda url: hashlib.sha256(f"{url}\n{cluster}".encode()).digest())
