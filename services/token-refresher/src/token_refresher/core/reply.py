"""What a token endpoint answered, and what the token in it is worth."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, extract_compact
from oauthlib.oauth2 import OAuth2Error
from oauthlib.oauth2.rfc6749.parameters import parse_token_response
from service_runtime.logs import redact

from token_refresher.model.granted import Granted, RefreshFailed
from token_refresher.model.settings import Token

LONGEST_TOKEN = 16384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # b64token of RFC 6750, 2.1: what may stand in a header
_ERROR_CODE = re.compile(r"[\x20-\x7e]{1,100}")
_MOST_WORDS = 200


def read_reply(status: int, body: str, settings: Token, now: float, secrets: Sequence[str] = ()) -> Granted:
    """The token in a reply, JSON or url-encoded (as some issuers still answer). Raises RefreshFailed.

    `secrets` is what was sent: an issuer that quotes it in its complaint must not bring it into our log.
    """
    try:
        # without a scope here: oauthlib raises a Warning where more or less was granted than asked for
        fields: Mapping[str, Any] = parse_token_response(body, scope=None)
    except OAuth2Error as error:
        raise _refused(status, error, secrets) from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise RefreshFailed(f"the token endpoint answers {status} with what is no reply to a token request") from None
    if not 200 <= status < 300:
        raise RefreshFailed(f"the token endpoint answers {status}")
    token = fields.get("access_token")
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise RefreshFailed("what was granted is not a token that fits into a header")
    refresh_token = fields.get("refresh_token")
    claims = claims_of(token)
    _check_audience(claims, settings)
    return Granted(
        token,
        _expiry(claims, fields, settings, now),
        refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        _remarks(claims, fields, settings),
    )


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims of a JSON web token; None if the token is none, which is the issuer's good right.

    Nothing is verified: it came from the issuer itself over TLS, and it is for others to trust.
    """
    registry = JWSRegistry(strict_check_header=False)
    registry.max_header_length = 4096
    try:
        claims = json.loads(extract_compact(token.encode("ascii"), None, registry).payload)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _check_audience(claims: Mapping[str, Any] | None, settings: Token) -> None:
    if claims is None:
        return
    granted = claims.get("aud")
    held = {granted} if isinstance(granted, str) else set(granted) if _is_strings(granted) else set()
    missing = [audience for audience in settings.audience if audience not in held]
    if missing:
        raise RefreshFailed(
            f"the token is meant for {sorted(held) or 'nobody'}, not for {missing}; "
            "is the client allowed to ask for that audience, and is audience_parameter what the issuer expects?"
        )


def _expiry(claims: Mapping[str, Any] | None, fields: Mapping[str, Any], settings: Token, now: float) -> float:
    """When the token ends: by its own word, by the reply's, by the settings'; the soonest of the first two."""
    ends = [now + fields["expires_in"]] if _is_number(fields.get("expires_in")) else []
    if claims is not None and "exp" in claims:
        if not _is_number(claims["exp"]):
            raise RefreshFailed("the token's exp is no time")
        ends.append(float(claims["exp"]))
    expires_at = min(ends, default=now + settings.lifetime)
    if expires_at <= now:
        raise RefreshFailed(f"the token expired {now - expires_at:.0f} s ago; do this clock and the issuer's agree?")
    return expires_at


def _remarks(claims: Mapping[str, Any] | None, fields: Mapping[str, Any], settings: Token) -> tuple[str, ...]:
    said = (claims or {}).get("scope", fields.get("scope"))
    granted = said.split() if isinstance(said, str) else said if _is_strings(said) else None
    missing = [scope for scope in settings.scope if granted is not None and scope not in granted]
    return (f"scopes that were not granted: {' '.join(missing)}",) if missing else ()


def _refused(status: int, error: OAuth2Error, secrets: Sequence[str]) -> RefreshFailed:
    """The issuer's own words, as far as they are words: error and error_description of RFC 6749, 5.2."""
    code = error.error if isinstance(error.error, str) and _ERROR_CODE.fullmatch(error.error) else "unreadable error"
    words = error.description if isinstance(error.description, str) else ""
    for secret in filter(None, secrets):
        words, code = words.replace(secret, "[redacted]"), code.replace(secret, "[redacted]")
    return RefreshFailed(f"the token endpoint answers {status}: {code}: {redact(words)[:_MOST_WORDS]!r}", error=code)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
