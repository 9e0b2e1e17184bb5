"""One certificate authority of the platform, and the certificates it gives out.

Python 3.13 checks strictly (VERIFY_X509_STRICT): an authority without a keyUsage extension, or a leaf without key identifiers,
is refused by every Python client while Go clients are content. So all extensions are here.
"""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 365
RENEW_DAYS = 30
_BACKDATE = datetime.timedelta(hours=1)  # clocks of containers and hosts differ


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, as files (key: mode 0600)."""

    certificate: Path
    key: Path


class Authority:
    """The platform's certificate authority, made at first use and kept in ``folder`` (ca.crt, ca.key)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pair = KeyPair(folder / "ca.crt", folder / "ca.key")
        with _one_at_a_time(folder):
            if not (self.pair.certificate.is_file() and self.pair.key.is_file()):
                self._create()
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.pair.key.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.pair.key} is not an elliptic curve key")
        self._key = key

    def issue(
        self,
        name: str,
        common_name: str,
        *,
        organization: str = "",
        dns: Sequence[str] = (),
        addresses: Sequence[IPv4Address] = (),
    ) -> KeyPair:
        """A certificate for servers and clients under ``<folder>/<name>.crt|.key``; kept while it says the same."""
        pair = KeyPair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        subject = _subject(common_name, organization)
        alternatives: list[x509.GeneralName] = [x509.DNSName(word) for word in dns]
        alternatives += [x509.IPAddress(address) for address in addresses]
        if not self._still_good(pair, subject, alternatives):
            self._issue(pair, subject, alternatives)
        return pair

    def _still_good(self, pair: KeyPair, subject: x509.Name, alternatives: list[x509.GeneralName]) -> bool:
        if not (pair.certificate.is_file() and pair.key.is_file()):
            return False
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:  # noqa: BLE001 - whatever is wrong with the old one, a new one is the answer
            return False
        left = certificate.not_valid_after_utc - _now()
        try:
            names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = []
        return left.days > RENEW_DAYS and certificate.subject == subject and names == alternatives

    def _issue(self, pair: KeyPair, subject: x509.Name, alternatives: list[x509.GeneralName]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self._certificate.subject, key.public_key())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True).add_extension(usage, critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        _write(pair.key, _key_pem(key), 0o600)
        _write(
            pair.certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644
        )

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _subject("Highrate development authority", "")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        _write(self.pair.key, _key_pem(key), 0o600)
        pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        _write(self.pair.certificate, pem, 0o644)


def signing_key(place: Path) -> Path:
    """An RSA key for service account tokens at ``place``, its public half beside it (.pub)."""
    public = place.with_suffix(".pub")
    if not (place.is_file() and public.is_file()):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write(place, _key_pem(key), 0o600)
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        _write(public, pem, 0o644)
    return place


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Steps that run side by side must not make an authority each."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _subject(common_name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_now() - _BACKDATE)
    builder = builder.not_valid_after(_now() + datetime.timedelta(days=VALID_DAYS))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(place: Path, data: bytes, mode: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(place.name + ".draft")
    draft.touch(mode=mode)
    draft.chmod(mode)
    draft.write_bytes(data)
    draft.replace(place)
