"""The authority: strict clients accept it, and nothing is issued again without a reason."""

import ssl
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from devcluster.pki import Authority, signing_key


def load(place: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(place.read_bytes())


def test_the_authority_says_what_its_key_is_for(tmp_path: Path) -> None:
    extensions = load(Authority(tmp_path).pair.certificate).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_strict_client_and_a_server_of_ours_agree(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server", "server", dns=("ce.highrate.test",), addresses=(IPv4Address("10.213.0.6"),))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=str(authority.pair.certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("ce.highrate.test", "10.213.0.6"):
        handshake(client, server, name)


def test_a_certificate_is_kept_until_something_about_it_changes(tmp_path: Path) -> None:
    first = Authority(tmp_path).issue("edge", "edge", dns=("one.test",)).certificate.read_bytes()
    assert Authority(tmp_path).issue("edge", "edge", dns=("one.test",)).certificate.read_bytes() == first
    renamed = Authority(tmp_path).issue("edge", "edge", dns=("two.test",)).certificate.read_bytes()
    assert renamed != first
    regrouped = (
        Authority(tmp_path).issue("edge", "edge", organization="group", dns=("two.test",)).certificate.read_bytes()
    )
    assert regrouped != renamed


def test_a_new_authority_replaces_what_the_old_one_issued(tmp_path: Path) -> None:
    old = Authority(tmp_path).issue("edge", "edge").certificate.read_bytes()
    (tmp_path / "ca.crt").unlink()
    assert Authority(tmp_path).issue("edge", "edge").certificate.read_bytes() != old


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    keys = [authority.pair.key, authority.issue("edge", "edge").key, signing_key(tmp_path / "accounts.key")]
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert (tmp_path / "accounts.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----")


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
