"""Tickets for the relay: bound to a member, a cluster and a purpose; and what signs them."""

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from offload_backend.core.relay_member import member
from offload_backend.io.tickets import KeyUnusable, TicketSigner

MEMBERS = [f"https://relay-{n}.test" for n in range(4)]


def written(folder: Path, key: Any) -> Path:
    file = folder / "key.pem"
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return file


@pytest.mark.parametrize(
    ("key", "kind", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), RSAKey, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), ECKey, "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), OKPKey, "EdDSA"),
    ],
)
def test_a_ticket_says_what_it_is_for_and_who_signed_it(tmp_path: Path, key: Any, kind: Any, algorithm: str) -> None:
    made = TicketSigner(written(tmp_path, key), 3600).tickets(MEMBERS[0], "c1", "anna")
    public = kind.import_key(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert set(made) == {"listen", "dial"}
    ids = set()
    for purpose, ticket in made.items():
        token = jwt.decode(ticket, public, algorithms=[algorithm])
        assert token.header["alg"] == algorithm
        claims = dict(token.claims)
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(claims["iat"] - time.time()) < 60
        ids.add(claims["jti"])
        named = {name: claims[name] for name in ("aud", "sub", "cluster", "purpose")}
        assert named == {"aud": MEMBERS[0], "sub": "anna", "cluster": "c1", "purpose": purpose}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "use a key that is RSA"),
        (rsa.generate_private_key(65537, 1024), "use a key that is RSA"),
        (None, "holds no unencrypted private key"),
    ],
)
def test_a_key_that_cant_sign_is_refused_without_being_quoted(tmp_path: Path, key: Any, said: str) -> None:
    file = tmp_path / "key.pem"
    if key is None:
        file.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    else:
        file = written(tmp_path, key)
    with pytest.raises(KeyUnusable, match=said) as caught:
        TicketSigner(file, 60).tickets(MEMBERS[0], "c1", "anna")
    assert "secret" not in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match=r"none\.pem can't be read: No such file"):
        TicketSigner(tmp_path / "none.pem", 60).tickets(MEMBERS[0], "c1", "anna")


def test_clusters_spread_over_the_members_and_few_move_when_one_goes() -> None:
    clusters = [f"c{n}" for n in range(400)]
    before = {cluster: member(MEMBERS, cluster) for cluster in clusters}
    assert {before[cluster] for cluster in clusters} == set(MEMBERS)
    after = {cluster: member(MEMBERS[:-1], cluster) for cluster in clusters}
    assert all(after[c] == before[c] for c in clusters if before[c] != MEMBERS[-1])
