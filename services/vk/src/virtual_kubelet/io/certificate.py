"""Files for the kubelet port's TLS: a certificate made by ourselves where none was given, and the API servers' authority.

The API server does not check a kubelet's serving certificate unless it was told to (--kubelet-certificate-authority);
where it does, the administrator gives certificate files.

Both are kept up to date while the port is served, which takes up files that change: the authority is asked for until the
API server tells it, and again now and then, and a certificate of ours is replaced well before it ends.
"""

import asyncio
import ipaddress
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.backoff import Backoff
from service_runtime.files import write_atomically
from service_runtime.logs import get_logger
from service_runtime.tls import TlsFiles

AUTHENTICATION_CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
_VALIDITY = timedelta(days=365)
_RENEWED_AT = 0.8  # of its life
RETRY_SECONDS = 10.0
LOOK_SECONDS = 300.0

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


class KubeletFiles:
    """The files to serve the kubelet port with; what is made here lies in a private temporary folder.

    `given` is an administrator's certificate and key, `client_ca` an administrator's file of the authority.
    """

    def __init__(
        self,
        api: ApiServer,
        *,
        node: str,
        address: str,
        given: tuple[Path, Path] | None,
        client_ca: Path | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._node, self._address, self._clock = api, node, address, clock
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-kubelet-"))
        self._made = given is None
        self._asked = client_ca is None
        self._made_at = clock()
        self._authority = ""
        cert, key = given or self_signed(self._folder, node, address)
        if client_ca is not None and not client_ca.is_file():
            log.warning(
                "kubelet.no_client_authority", error=f"there is no file {client_ca}; it is used once it is there"
            )
        self.tls = TlsFiles(cert=cert, key=key, client_ca=client_ca or self._folder / "client-ca.crt")

    async def run(self, retry: float = RETRY_SECONDS, look: float = LOOK_SECONDS) -> None:
        """Keep the files up to date until cancelled."""
        backoff, tries = Backoff(retry, look), 0
        while True:
            missing = self._asked and not self._authority
            await asyncio.sleep(backoff.delay(tries) if missing else look)
            tries += 1
            await self.refresh()

    async def refresh(self) -> None:
        """Bring the files up to date now, as far as the API server answers."""
        if self._made and self._clock() - self._made_at >= _RENEWED_AT * _VALIDITY.total_seconds():
            self_signed(self._folder, self._node, self._address)
            self._made_at = self._clock()
            log.info("kubelet.certificate_renewed")
        if self._asked:
            await self._refresh_authority()

    async def _refresh_authority(self) -> None:
        """A cluster's authority that can't be read, or is not told any more, stays what it was."""
        try:
            found = await self._api.get(AUTHENTICATION_CONFIG)
        except ApiError as error:
            log.warning("kubelet.no_client_authority", status=error.status, error=error.message)
            return
        text = (found.get("data") or {}).get("client-ca-file") or ""
        if not text:
            log.warning("kubelet.no_client_authority", error="the cluster names none")
        elif text != self._authority:
            assert self.tls.client_ca is not None
            write_atomically(self.tls.client_ca, text.encode())
            self._authority = text
            log.info("kubelet.client_authority_read")
