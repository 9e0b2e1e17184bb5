"""Tickets of the job channel: what a job shows to report about its pod, and about no other.

A ticket is the pod's UID and a keyed digest of it. It needs no list: who has the secret can check it, after any restart.
"""

import hashlib
import hmac
from typing import Final

from interlink.protocol.uid import UID

_PURPOSE: Final = b"job-channel.v1\0"


def ticket(secret: bytes, uid: str) -> str:
    """The ticket of a pod's job."""
    digest = hmac.new(secret, _PURPOSE + uid.encode("utf-8"), hashlib.sha256).hexdigest()
    return f"{uid}.{digest}"


def holder(secret: bytes, shown: str) -> str | None:
    """The UID of the pod whose ticket this is; None if it is nobody's."""
    uid, dot, _ = shown.rpartition(".")
    if not dot or not UID.fullmatch(uid):
        return None
    return uid if hmac.compare_digest(ticket(secret, uid).encode(), shown.encode("utf-8", "replace")) else None
