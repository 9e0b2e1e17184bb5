"""Claims of a token whose signature is good: is it meant for us, now, and whose is it?"""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import ClaimError, ExpiredTokenError
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry
from service_runtime.openid import same_issuer

from oauth2_proxy.core.groups import groups_of, strings_of
from oauth2_proxy.core.printable import printable
from oauth2_proxy.model.settings import Issuer
from oauth2_proxy.model.verdict import Caller, Denied, Outcome

Claims = Mapping[str, Any]


def check_claims(claims: Claims, issuer: Issuer, now: int) -> Caller | Denied:
    """Who the token speaks for, or why it doesn't count at `now` (seconds since 1970).

    `iss` is compared here once more: the issuer was picked by a claim that nothing had vouched for then.
    """
    subject = claims.get("sub")
    named = subject if isinstance(subject, str) else ""
    found = claims.get("iss")
    if not isinstance(found, str) or not same_issuer(found, issuer.issuer):
        return Denied(Outcome.UNKNOWN_ISSUER, f"iss is {printable(found)}, not {issuer.issuer}", named)
    try:
        _registry(issuer, now).validate(dict(claims))
    except ClaimError as error:
        return Denied(_outcome(error), _reason(error, claims, issuer, now), named)
    if not named:
        return Denied(Outcome.CLAIMS, "the token names no subject (claim sub)")
    user = claims.get(issuer.user_claim)
    email = claims.get("email")
    return Caller(
        issuer=issuer.issuer,
        subject=named,
        user=user if isinstance(user, str) and user else named,
        email=email if isinstance(email, str) else "",
        client=next((c for n in ("client_id", "azp") if isinstance(c := claims.get(n), str) and c), ""),
        groups=groups_of(claims, issuer.groups_claims),
        scopes=frozenset(word for text in strings_of(claims.get("scope")) for word in text.split()),
    )


def _registry(issuer: Issuer, now: int) -> JWTClaimsRegistry:
    options: dict[str, ClaimsOption] = {"exp": {"essential": True}}
    if issuer.audiences != "any":
        options["aud"] = {"essential": True, "values": list(issuer.audiences)}
    return JWTClaimsRegistry(now, issuer.clock_skew, **options)


def _outcome(error: ClaimError) -> Outcome:
    if isinstance(error, ExpiredTokenError):
        return Outcome.EXPIRED
    match error.claim:
        case "aud":
            return Outcome.AUDIENCE
        case "nbf" | "iat":
            return Outcome.NOT_YET_VALID
        case _:
            return Outcome.CLAIMS


def _reason(error: ClaimError, claims: Claims, issuer: Issuer, now: int) -> str:
    """For the log of whoever has to find out why: the claim, what it was, what it should be."""
    value = printable(claims.get(error.claim))
    match error.claim:
        case "aud":
            return f"aud is {value}, wanted one of {', '.join(issuer.audiences)}"
        case "exp" | "nbf" | "iat":
            return f"{error.claim} is {value} at {now}, {issuer.clock_skew} s of skew allowed: {error.description}"
        case _:
            return error.description
