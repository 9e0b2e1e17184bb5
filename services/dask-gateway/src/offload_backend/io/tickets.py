"""Signs the tickets by which pods of a cluster use the relay: bound to a member, a cluster and one purpose, and they expire."""

import time
import uuid
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

PURPOSES: Final = ("listen", "dial")


class KeyUnusable(ValueError):
    """The signing key can't be used; the text says why."""


class TicketSigner:
    """Reads the key at each use: it may be replaced while we run."""

    def __init__(self, key_file: Path, lifetime: int) -> None:
        self._key_file = key_file
        self._lifetime = lifetime

    def tickets(self, member: str, cluster: str, user: str) -> dict[str, str]:
        """A ticket for each purpose. Raises KeyUnusable."""
        key, algorithm = read_key(self._key_file)
        now = int(time.time())
        claims = {"aud": member, "sub": user, "cluster": cluster, "iat": now, "exp": now + self._lifetime}
        return {
            purpose: jwt.encode(
                {"alg": algorithm, "typ": "JWT"},
                {**claims, "purpose": purpose, "jti": uuid.uuid4().hex},
                key,
                algorithms=[algorithm],
            )
            for purpose in PURPOSES
        }


def read_key(file: Path) -> tuple[Key, str]:
    """The private key and the algorithm that goes with it. Raises KeyUnusable."""
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{file} can't be read: {error.strerror}") from error
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        # not the library's words: they may quote the key
        raise KeyUnusable(f"{file} holds no unencrypted private key in PEM") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return RSAKey.import_key(pem), "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return ECKey.import_key(pem), "ES256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return OKPKey.import_key(pem), "EdDSA"
    raise KeyUnusable(f"{file}: use a key that is RSA (2048 bits or more), P-256 or Ed25519")
