"""Published keys (JWKS, RFC 7517): which are taken, which fit a token, and whether one of them signed it."""

from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from oauth2_proxy.core.bearer import TokenRegistry, Unverified

SHORTEST_RSA = 2048
# A token without kid is tried with every key of its kind: each try costs, so a published set has an end.
MOST_KEYS = 64

_KEY_TYPES: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "R": RSAKey,
    "P": RSAKey,
    "ES": ECKey,
    "Ed": OKPKey,
}


class UnusableKeys(Exception):
    """The issuer published something that holds no key to verify with."""


def import_keys(document: Any) -> tuple[Key, ...]:
    """The keys of a JWKS that can verify signatures; others (encryption, shared secrets, unknown kinds, broken ones)
    are left out, since issuers publish them side by side. Raises UnusableKeys if none is left."""
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise UnusableKeys("the document has no list of keys")
    keys = tuple(key for entry in published[:MOST_KEYS] if (key := _import(entry)) is not None)
    if not keys:
        raise UnusableKeys(f"none of {len(published)} published keys can verify a signature")
    return keys


def _import(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < SHORTEST_RSA:
        return None
    return key


def fitting_keys(keys: Sequence[Key], token: Unverified) -> tuple[Key, ...]:
    """The keys that may have signed the token: those of its kid, or without any; all of the kind if it has no kid."""
    return tuple(
        key
        for key in keys
        if (token.key_id is None or key.get("kid") in (None, token.key_id))
        and key.get("alg") in (None, token.algorithm)
        and isinstance(key, _key_type(token.algorithm))
    )


def verified_claims(token: Unverified, keys: Sequence[Key]) -> dict[str, Any] | None:
    """The token's claims if one of `keys` signed it, else None."""
    for key in keys:
        try:
            return jwt.decode(token.text, key, registry=TokenRegistry([token.algorithm])).claims
        except (JoseError, ValueError, TypeError):
            continue
    return None


def _key_type(algorithm: str) -> type[RSAKey] | type[ECKey] | type[OKPKey]:
    return next(kind for start, kind in _KEY_TYPES.items() if algorithm.startswith(start))
