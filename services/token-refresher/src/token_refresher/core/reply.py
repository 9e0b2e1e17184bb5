"""What a token endpoint answered, held against what was asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from service_runtime.grants import (
    GrantFailed,
    access_token,
    audience_of,
    claims_of,
    expiry,
    granted_fields,
    scopes_of,
)

from token_refresher.model.granted import Granted, RefreshFailed
from token_refresher.model.settings import Token


def read_reply(status: int, body: str, settings: Token, now: float, secrets: Sequence[str] = ()) -> Granted:
    """The token in a reply. Raises RefreshFailed; `secrets` is what was sent, and stays out of its text."""
    try:
        fields = granted_fields(status, body, secrets)
        token = access_token(fields)
        claims = claims_of(token)
        _check_audience(claims, settings)
        expires_at = expiry(claims, fields, now, settings.lifetime)
    except GrantFailed as error:
        raise RefreshFailed(str(error), error=error.error) from None
    refresh_token = fields.get("refresh_token")
    return Granted(
        token,
        expires_at,
        refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        _remarks(claims, fields, settings),
    )


def _check_audience(claims: Mapping[str, Any] | None, settings: Token) -> None:
    if claims is None:
        return
    held = audience_of(claims)
    missing = [audience for audience in settings.audience if audience not in held]
    if missing:
        raise RefreshFailed(
            f"the token is meant for {sorted(held) or 'nobody'}, not for {missing}; "
            "is the client allowed to ask for that audience, and is audience_parameter what the issuer expects?"
        )


def _remarks(claims: Mapping[str, Any] | None, fields: Mapping[str, Any], settings: Token) -> tuple[str, ...]:
    granted = scopes_of(claims, fields)
    missing = [scope for scope in settings.scope if granted is not None and scope not in granted]
    return (f"scopes that were not granted: {' '.join(missing)}",) if missing else ()
