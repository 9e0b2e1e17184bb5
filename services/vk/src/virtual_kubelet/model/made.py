"""What a pod's job was made of, of what a kubelet could change while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    """Digests by container."""

    images: dict[str, bytes]
    resources: dict[str, bytes]
    """Under "" the pod's own; empty where nobody knows them any more."""
