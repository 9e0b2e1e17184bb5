"""OAuth 2 grants (RFC 6749): how a client says who it is, what a token endpoint answered, and what the token in it is worth.

Decisions only: who asks, when, and with which settings is a service's own. The texts of errors are fit for a log.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard
from urllib.parse import quote_plus

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, extract_compact
from oauthlib.oauth2 import OAuth2Error
from oauthlib.oauth2.rfc6749.parameters import parse_token_response

from service_runtime.logs import redact

LONGEST_TOKEN = 16384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # b64token of RFC 6750, 2.1: what may stand in a header
_ERROR_CODE = re.compile(r"[\x20-\x7e]{1,100}")
_MOST_WORDS = 200

Claims = Mapping[str, Any]


class GrantFailed(Exception):
    """No usable token was granted. The text holds nothing of a token."""

    def __init__(self, reason: str, *, status: int = 0, error: str = "") -> None:
        super().__init__(reason)
        self.status = status
        """The reply's status where the endpoint refused; 0 where its answer made no sense."""
        self.error = error
        """The issuer's error code (RFC 6749, 5.2), such as invalid_grant."""


def basic_authorization(client_id: str, secret: str) -> str:
    """The header of a client. Both halves are form-encoded before they are joined (RFC 6749, 2.3.1): a secret may hold
    a colon."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"


def granted_fields(status: int, body: str, secrets: Sequence[str] = ()) -> Mapping[str, Any]:
    """The fields of a successful reply, JSON or url-encoded (as some issuers still answer). Raises GrantFailed.

    `secrets` is what was sent: an issuer that quotes it in its complaint must not bring it into our log.
    """
    try:
        # without a scope here: oauthlib raises a Warning where more or less was granted than asked for
        fields: Mapping[str, Any] = parse_token_response(body, scope=None)
    except OAuth2Error as error:
        raise _refused(status, error, secrets) from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        reason = f"the token endpoint answers {status} with what is no reply to a token request"
        raise GrantFailed(reason, status=status) from None
    if not 200 <= status < 300:
        raise GrantFailed(f"the token endpoint answers {status}", status=status)
    return fields


def access_token(fields: Mapping[str, Any]) -> str:
    """The token in a reply. Raises GrantFailed if it can't be used in a header."""
    token = fields.get("access_token")
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise GrantFailed("what was granted is not a token that fits into a header")
    return token


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


def audience_of(claims: Claims) -> frozenset[str]:
    """Whom a token is meant for (RFC 7519, 4.1.3: one or several)."""
    granted = claims.get("aud")
    if isinstance(granted, str):
        return frozenset({granted})
    return frozenset(granted) if _is_strings(granted) else frozenset()


def scopes_of(claims: Claims | None, fields: Mapping[str, Any]) -> frozenset[str] | None:
    """What a token may be used for: by its own word, else by the reply's; None if neither says."""
    said = (claims or {}).get("scope", fields.get("scope"))
    if isinstance(said, str):
        return frozenset(said.split())
    return frozenset(said) if _is_strings(said) else None


def expiry(claims: Claims | None, fields: Mapping[str, Any], now: float, lifetime: float) -> float:
    """When a token ends: by its own word or by the reply's, the sooner one; after `lifetime` if neither says.

    Raises GrantFailed if that is past.
    """
    ends = [now + fields["expires_in"]] if _is_number(fields.get("expires_in")) else []
    if claims is not None and "exp" in claims:
        if not _is_number(claims["exp"]):
            raise GrantFailed("the token's exp is no time")
        ends.append(float(claims["exp"]))
    expires_at = min(ends, default=now + lifetime)
    if expires_at <= now:
        raise GrantFailed(f"the token expired {now - expires_at:.0f} s ago; do this clock and the issuer's agree?")
    return expires_at


def _refused(status: int, error: OAuth2Error, secrets: Sequence[str]) -> GrantFailed:
    """The issuer's own words, as far as they are words: error and error_description of RFC 6749, 5.2."""
    code = error.error if isinstance(error.error, str) and _ERROR_CODE.fullmatch(error.error) else "unreadable error"
    words = error.description if isinstance(error.description, str) else ""
    for secret in filter(None, secrets):
        words, code = words.replace(secret, "[redacted]"), code.replace(secret, "[redacted]")
    reason = f"the token endpoint answers {status}: {code}: {redact(words)[:_MOST_WORDS]!r}"
    return GrantFailed(reason, status=status, error=code)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
