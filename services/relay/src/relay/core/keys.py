"""The public keys of a PEM file."""

import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

MOST_KEYS = 16  # each is tried: a file with more is a mistake
SHORTEST_RSA = 2048
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_PUBLIC = (b"PUBLIC KEY", b"CERTIFICATE")


class UnusableKeys(Exception):
    """The file holds no key to verify tickets with, or what must not be there; the text says which."""


def public_keys(pem: bytes) -> tuple[Key, ...]:
    """The keys of all public keys and certificates in `pem`. Raises UnusableKeys."""
    found = [(match[1], match[0]) for match in _BLOCK.finditer(pem)]
    for kind, _ in found:
        if kind not in _PUBLIC:
            raise UnusableKeys(
                f"it holds a {kind.decode('ascii', 'replace')}; only public keys and certificates belong there"
            )
    if not found:
        raise UnusableKeys("it holds no PEM public key or certificate")
    if len(found) > MOST_KEYS:
        raise UnusableKeys(f"it holds {len(found)} keys, {MOST_KEYS} are allowed")
    return tuple(_key(kind, block, number) for number, (kind, block) in enumerate(found, 1))


def _key(kind: bytes, block: bytes, number: int) -> Key:
    try:
        public = (
            x509.load_pem_x509_certificate(block).public_key() if kind == b"CERTIFICATE" else load_pem_public_key(block)
        )
        text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for family in (RSAKey, ECKey, OKPKey):
            try:
                key = family.import_key(text)
            except (JoseError, ValueError, TypeError, AttributeError):
                continue
            return _strong(key, number)
    except (ValueError, TypeError) as error:
        raise UnusableKeys(f"its key {number} can't be read: {error}") from error
    raise UnusableKeys(f"its key {number} is of no kind that signs tickets: use RSA, P-256 or Ed25519")


def _strong(key: Key, number: int) -> Key:
    if isinstance(key, RSAKey) and key.raw_value.key_size < SHORTEST_RSA:
        raise UnusableKeys(f"its key {number} is RSA of {key.raw_value.key_size} bits; {SHORTEST_RSA} are needed")
    return key
