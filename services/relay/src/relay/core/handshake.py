"""The answer that makes a connection a stream (RFC 6455, 4.2.2).

Proxies and ingresses pass on what follows such an answer as it is, in both directions; so what follows need not be
WebSocket frames (docs/decisions/0008-raw-streams.md).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping

from relay.model.refusal import Outcome, Refusal

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of the RFC


def answer_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the answer 101 to a call with `headers` (any case of names). Raises Refusal."""
    upgrade = headers.get("Upgrade", "").lower()
    key = headers.get("Sec-WebSocket-Key", "")
    if upgrade != "websocket" or "upgrade" not in headers.get("Connection", "").lower() or not _is_key(key):
        raise Refusal(
            Outcome.NO_UPGRADE,
            "The call is no WebSocket handshake. If there is a proxy in between, let it pass the headers Upgrade and Connection.",
        )
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()  # noqa: S324 - as the RFC says
    return {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
