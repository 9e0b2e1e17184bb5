"""From the Authorization header to the parts of a token, before anything vouches for them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, extract_compact

from oauth2_proxy.core.printable import printable
from oauth2_proxy.model.verdict import Denied, Outcome

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # b64token of RFC 6750, 2.1


class TokenRegistry(JWSRegistry):
    """joserfc's limits with room for a certificate chain in the header; header names that we don't know are ignored,
    as RFC 7515, section 4 asks."""

    max_header_length = 4096

    def __init__(self, algorithms: Sequence[str] | None = None) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself: enough to pick the key, nothing to rely on."""

    text: str
    algorithm: str
    key_id: str | None
    issuer: str


def bearer_token(authorization: Sequence[str], longest: int) -> str | Denied:
    """The token in the values of a call's Authorization headers (RFC 6750, 2.1).

    interLink's own virtual kubelet sends a bare `Bearer` when it has no token.
    """
    if len(authorization) > 1:
        return Denied(Outcome.MALFORMED, f"{len(authorization)} Authorization headers")
    scheme, _, rest = (authorization[0] if authorization else "").strip().partition(" ")
    token = rest.strip()
    if scheme.lower() != "bearer" or not token:
        return Denied(Outcome.MISSING, "no bearer token")
    if len(token) > longest:
        return Denied(Outcome.MALFORMED, f"the token has {len(token)} characters, {longest} are allowed")
    if not _TOKEN.fullmatch(token):
        return Denied(Outcome.MALFORMED, "the token has characters that no token has")
    return token


def read_token(text: str) -> Unverified | Denied:
    """Take a token apart; only what is needed to find the issuer and the key is looked at here."""
    try:
        compact = extract_compact(text.encode("ascii"), None, TokenRegistry())
        payload: Any = json.loads(compact.payload)
        header: Any = compact.headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # ValueError: base64, UTF-8 and JSON; RecursionError: JSON that is nested thousands of levels deep
        return Denied(Outcome.MALFORMED, f"the token is no JSON web token ({type(error).__name__})")
    if not isinstance(header, dict) or not isinstance(payload, dict):
        return Denied(Outcome.MALFORMED, "the token's header or payload is no object")
    if "crit" in header:
        return Denied(Outcome.MALFORMED, f"the token's header demands {printable(header['crit'])} (crit)")
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), payload.get("iss")
    if isinstance(algorithm, str) and isinstance(key_id, str | None) and isinstance(issuer, str):
        return Unverified(text, algorithm, key_id, issuer)
    return Denied(Outcome.MALFORMED, "alg, kid or iss of the token is no string")
