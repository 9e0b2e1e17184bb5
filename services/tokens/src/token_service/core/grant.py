"""The request to the provider's token endpoint for a narrowed token, and what its answer is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oauthlib.oauth2 import BackendApplicationClient
from service_runtime.grants import (
    Claims,
    GrantFailed,
    access_token,
    audience_of,
    basic_authorization,
    claims_of,
    expiry,
    granted_fields,
    scopes_of,
)

from token_service.core.hub_answers import LOG_IN_AGAIN
from token_service.model.login import Granted, Login
from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Issuer, Profile

# how long a token counts as good that doesn't say it, in an answer that doesn't either
UNSAID_LIFETIME = 300.0
ADMINISTRATORS = "This is for the platform's administrators to mend."

# RFC 6749, 5.2; INDIGO IAM says invalid_token of a refresh token that was revoked or has expired
_LOGIN_ENDED = frozenset({"invalid_grant", "invalid_token"})
_CLIENT_REFUSED = frozenset({"invalid_client", "unauthorized_client", "unauthorized"})
# missing_token: oauthlib's word for an answer without one
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down", "missing_token"})


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """Headers and form of a POST; both hold secrets."""

    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


def grant_request(issuer: Issuer, secret: str, login: Login, profile: Profile) -> GrantRequest:
    """A refresh (RFC 6749, 6) with the profile's scope, which is a part of what was granted, and its audience.

    INDIGO IAM takes `audience` with names between blanks.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    form: dict[str, str] = {}
    if issuer.client_authentication == "basic":
        headers["Authorization"] = basic_authorization(issuer.client_id, secret)
    else:
        form = {"client_id": issuer.client_id, "client_secret": secret}
    if profile.audience:
        form["audience"] = " ".join(profile.audience)
    client = BackendApplicationClient(issuer.client_id)
    body = client.prepare_refresh_body(refresh_token=login.refresh_token, scope=" ".join(profile.scope), **form)
    return GrantRequest(headers, body)


def read_grant(
    status: int, body: str, login: Login, profile: Profile, *, now: float, secrets: Sequence[str] = ()
) -> Granted:
    """The token in an answer, if it is what was asked for and no more. Raises Refusal."""
    try:
        fields = granted_fields(status, body, secrets)
        _check_rotation(fields, login)
        token = access_token(fields)
        claims = claims_of(token)
        expires_at = expiry(claims, fields, now, UNSAID_LIFETIME)
    except GrantFailed as error:
        raise _refused(error) from None
    _check_subject(claims, login)
    _check_audience(claims, profile)
    scopes = scopes_of(claims, fields)
    _check_scope(scopes, profile)
    held = tuple(scope for scope in profile.scope if scopes is None or scope in scopes)
    missing = tuple(scope for scope in profile.scope if scope not in held)
    return Granted(token, held, missing, granted_at=now, expires_at=expires_at)


def _check_rotation(fields: Mapping[str, Any], login: Login) -> None:
    """A provider that rotates ends the hub's refresh token by our use of it, and the new one can't be put back there."""
    new = fields.get("refresh_token")
    if new is not None and new != login.refresh_token:
        raise Refusal(
            Outcome.REFRESH_TOKENS_ROTATE,
            f"The login service ends a login when a token is made of it. {ADMINISTRATORS}",
            reason="the provider answers with a new refresh token: switch rotation off for this client "
            "(INDIGO IAM: reuse refresh tokens), then restart this service",
        )


def _check_subject(claims: Claims | None, login: Login) -> None:
    subject = (claims or {}).get("sub")
    if login.subject and subject is not None and subject != login.subject:
        raise Refusal(
            Outcome.LOGIN_ENDED,
            f"The login service gave the token of somebody else. {LOG_IN_AGAIN}",
            reason=f"the token's sub is {str(subject)[:100]!r}, the login's {login.subject!r}",
        )


def _check_audience(claims: Claims | None, profile: Profile) -> None:
    """All that were asked for, and nobody else: a token for anybody is not a narrow one."""
    if claims is None or not profile.audience:
        return
    held = audience_of(claims)
    if held != set(profile.audience):
        raise Refusal(
            Outcome.NOT_GRANTED,
            "The login service doesn't give tokens for the place that this profile is for. "
            "Ask the platform's administrators whether the profile's audience is right.",
            reason=f"the token is meant for {sorted(held) or 'nobody'}, not for {list(profile.audience)}",
        )


def _check_scope(scopes: frozenset[str] | None, profile: Profile) -> None:
    if scopes is None:
        return
    more = scopes.difference(profile.scope)
    if more:
        raise Refusal(
            Outcome.MISCONFIGURED,
            f"The login service gives more rights than this profile has. {ADMINISTRATORS}",
            reason=f"granted beyond the profile's scope: {' '.join(sorted(more))}; "
            "if every token of this provider has them, name them in the profile",
        )
    if not scopes:
        raise Refusal(
            Outcome.NOT_GRANTED,
            "The login service grants none of this profile's rights: the account doesn't have them. "
            "Ask for them where your account is managed.",
            reason=f"none of {' '.join(profile.scope)} was granted",
        )


def _refused(error: GrantFailed) -> Refusal:
    """The provider's no in our words; its own are for the log."""
    reason = str(error)
    if error.error in _LATER or error.status in (0, 408, 429) or error.status >= 500 or not error.error:
        return Refusal(
            Outcome.PROVIDER_UNAVAILABLE,
            "The login service can't make a token now. Try again in a moment.",
            reason=reason,
        )
    if error.error in _LOGIN_ENDED:
        message = f"The login service doesn't accept this login any more. {LOG_IN_AGAIN}"
        return Refusal(Outcome.LOGIN_ENDED, message, reason=reason)
    if error.error in _CLIENT_REFUSED:
        message = f"The login service doesn't accept this platform. {ADMINISTRATORS}"
        return Refusal(Outcome.MISCONFIGURED, message, reason=reason, retry_after=60)
    return Refusal(
        Outcome.NOT_GRANTED,
        "The login service refuses a token with this profile's rights. If you were given them lately, log in to the hub "
        "again; else ask the platform's administrators.",
        reason=reason,
    )
