"""What a ticket is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from relay.model.refusal import Outcome, Refusal
from relay.model.ticket import Purpose, Ticket

LONGEST_NAME = 256
_ALGORITHMS: Mapping[type[Key], list[str]] = {RSAKey: ["RS256"], ECKey: ["ES256"], OKPKey: ["EdDSA", "Ed25519"]}
_NEW = "Ask for a new ticket: make the cluster anew, or wait until the platform has replaced the file."


def verified(text: str, keys: Sequence[Key], url: str, now: float, skew: int = 0) -> Ticket:
    """What the ticket `text` says, if one of `keys` signed it for the member `url` and it holds at `now`. Raises Refusal.

    The purpose is for the caller to compare: one ticket may be shown at several doors.
    """
    claims = _signed(text, keys)
    try:
        JWTClaimsRegistry(int(now), skew, exp={"essential": True}, iat={"essential": True}).validate(claims)
    except ExpiredTokenError:
        raise Refusal(Outcome.EXPIRED_TICKET, f"The ticket has expired. {_NEW}") from None
    except (ClaimError, ValueError, TypeError) as error:
        raise Refusal(
            Outcome.BAD_TICKET, f"The ticket's times can't be used. {_NEW}", reason=f"claims: {error}"
        ) from None
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience.rstrip("/") != url:
        raise Refusal(
            Outcome.OTHER_MEMBER,
            f"The ticket is for another address than {url}: dial the one that it names.",
            reason=f"aud is {str(audience)[:200]!r}, this member is {url}",
        )
    names = {name: claims.get(name) for name in ("sub", "cluster", "jti")}
    for name, value in names.items():
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
            raise Refusal(Outcome.BAD_TICKET, f'The ticket has no usable claim "{name}". {_NEW}')
    purpose = claims.get("purpose")
    if purpose not in set(Purpose):
        raise Refusal(Outcome.BAD_TICKET, f'The ticket\'s purpose is neither "listen" nor "dial". {_NEW}')
    return Ticket(str(names["sub"]), str(names["cluster"]), Purpose(purpose), float(claims["exp"]))


def _signed(text: str, keys: Sequence[Key]) -> dict[str, Any]:
    for key in keys:
        try:
            registry = JWSRegistry(algorithms=_ALGORITHMS[type(key)], strict_check_header=False)
            return jwt.decode(text, key, registry=registry).claims
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            continue
    raise Refusal(Outcome.BAD_TICKET, f"The ticket is signed by nobody whom this relay knows. {_NEW}")
