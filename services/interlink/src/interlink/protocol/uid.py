"""The pod's UID, the only key anywhere: its shape is checked where a pod comes in, since it names files and is put in queries."""

import re
from typing import Final

from interlink.protocol.errors import Rejected
from interlink.protocol.types import JsonObject

UID: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]{0,62}[A-Za-z0-9])?")
"""What API servers give (a UUID) and kubelets give to static pods (a digest)."""


def required_uid(pod: JsonObject) -> str:
    """The pod's UID. Raises Rejected (400) where it is missing or none that Kubernetes gives."""
    metadata = pod.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    if not isinstance(uid, str) or not uid:
        raise Rejected(["metadata.uid is missing: the pod does not come from a Kubernetes API server"], 400)
    if not UID.fullmatch(uid):
        raise Rejected([f"metadata.uid {uid[:100]!r} is not a UID that Kubernetes gives"], 400)
    return uid
