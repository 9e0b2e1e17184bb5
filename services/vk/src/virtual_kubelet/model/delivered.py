"""What a running pod has at the site of what may still change."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """As it was sent last. `renew_at` (Unix seconds) is when its first token is to be renewed."""

    versions: Mapping[tuple[str, str], str]
    """resourceVersions of the objects in its volumes, by kind and name; "" of one that does not exist."""
    own: bytes
    """Digest of what of the pod itself it is told: labels, annotations, deadline."""
    content: Mapping[str, bytes]
    """Digests: by volume of all that is in it but tokens, and under "" of the pod's deadline."""
    renew_at: float | None = None
