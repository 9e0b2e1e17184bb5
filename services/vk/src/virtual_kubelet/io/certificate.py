"""Files for the kubelet port's TLS: a certificate made by ourselves where none was given, and the API servers' authority.

The API server does not check a kubelet's serving certificate unless it was told to (--kubelet-certificate-authority);
where it does, the administrator gives certificate files.
"""

import ipaddress
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from service_runtime.files import write_atomically
from service_runtime.logs import get_logger
from service_runtime.tls import TlsFiles

from virtual_kubelet.io.api import ApiError, ApiServer

AUTHENTICATION_CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
_VALIDITY = timedelta(days=365)

log = get_logger(__name__)


def self_signed(folder: Path, node: str, address: str) -> tuple[Path, Path]:
    """Write `serving.crt` and `serving.key` for the node's name and address into `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node}"),
        ]
    )
    names: list[x509.GeneralName] = [x509.DNSName(node)]
    if address:
        names.append(x509.IPAddress(ipaddress.ip_address(address)))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "serving.crt", folder / "serving.key"
    write_atomically(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    write_atomically(
        key_file,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return certificate_file, key_file


async def client_authority(api: ApiServer, folder: Path) -> Path | None:
    """The authority of the API servers' client certificates as a file; None, with a warning, if we may not read it."""
    try:
        found = await api.get(AUTHENTICATION_CONFIG)
    except ApiError as error:
        log.warning("kubelet.no_client_authority", status=error.status, error=error.message)
        return None
    text = (found.get("data") or {}).get("client-ca-file")
    if not text:
        log.warning("kubelet.no_client_authority", error="the cluster names none")
        return None
    path = folder / "client-ca.crt"
    write_atomically(path, text.encode())
    return path


async def kubelet_tls(
    api: ApiServer, *, node: str, address: str, given: tuple[Path, Path] | None, client_ca: Path | None
) -> TlsFiles:
    """The files to serve the kubelet port with; what is made here lies in a private temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="virtual-kubelet-"))
    certificate, key = given or self_signed(folder, node, address)
    return TlsFiles(cert=certificate, key=key, client_ca=client_ca or await client_authority(api, folder))
