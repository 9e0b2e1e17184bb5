"""What our own token says about itself, before a site is blamed for refusing it.

HTCondor tells a client nothing about why a login failed: expired, wrong audience, unknown subject all look the same. Nothing
here verifies a signature, so nothing here may be used to trust a token.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec

WRITE_SCOPES = ("compute.create", "compute.modify", "compute.cancel")


@dataclass(frozen=True, slots=True)
class TokenReading:
    """The claims that a login depends on; `expires` is seconds since the epoch."""

    expires: float | None
    not_before: float | None
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    issuer: str
    subject: str
    wlcg: bool


def read(token: str) -> TokenReading | None:
    """The claims of a JWT; None for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(claims, dict):
        return None
    audience = claims.get("aud", ())
    scope = claims.get("scope", "")
    return TokenReading(
        expires=_number(claims.get("exp")),
        not_before=_number(claims.get("nbf")),
        audiences=(audience,) if isinstance(audience, str) else tuple(str(a) for a in audience),
        scopes=tuple(scope.split()) if isinstance(scope, str) else tuple(str(s) for s in scope),
        issuer=str(claims.get("iss", "")),
        subject=str(claims.get("sub", "")),
        wlcg="wlcg.ver" in claims,
    )


def explain(token: str, now: float) -> str:
    """Why a site would refuse this SciToken, as far as the token itself tells; else whose token it was."""
    if not token:
        return "the token file is empty"
    reading = read(token)
    if reading is None:
        return "the token file does not hold a JSON Web Token"
    if reading.expires is not None and reading.expires <= now:
        return f"the token expired {now - reading.expires:.0f} s ago"
    if reading.not_before is not None and reading.not_before > now + 60:
        return f"the token is not valid for another {reading.not_before - now:.0f} s"
    return _explain_claims(reading)


def _explain_claims(reading: TokenReading) -> str:
    if not reading.audiences:
        return "the token has no audience (aud); the site asks for its own"
    missing = [scope for scope in WRITE_SCOPES if scope not in reading.scopes]
    if missing and "condor:/WRITE" not in reading.scopes:
        return f"the token lacks the scopes {' '.join(missing)}"
    if not reading.wlcg:
        return "the token has no wlcg.ver claim: its issuer does not use the WLCG profile"
    return (
        f"the token itself looks right (issuer {reading.issuer}, subject {reading.subject}, "
        f"audience {' '.join(reading.audiences)}); the site may not map this subject or expect another audience"
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
