"""TLS contexts, and servers' certificates and authorities that are taken up again when their files change."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from service_runtime.logs import get_logger
from service_runtime.settings import Section

log = get_logger(__name__)

RELOAD_SECONDS = 5.0


class TlsFiles(Section):
    """A server's certificate."""

    cert: Path
    """PEM file with the certificate and its chain; read again when it changes."""
    key: Path
    """PEM file with the private key."""
    client_ca: Path | None = None
    """PEM file of the authority whose client certificates are asked for, read again when it changes; without it none is."""


class ServerContext(ssl.SSLContext):
    """What a listener holds for as long as it lives; each connection is made with what the files had last.

    An SSLContext can take up another certificate, but trusts an authority for ever once it was told to. So a whole new
    one is made when a file changes, and connections are handed over to it as they begin.
    """

    _present: ssl.SSLContext

    def use(self, present: ssl.SSLContext) -> None:
        """Make connections with `present` from now on."""
        self._present = present
        # taken over when a connection object is made, which is before it is handed over
        self.verify_mode = present.verify_mode
        self.sni_callback = self._hand_over

    def _hand_over(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._present


def server_ssl_context(files: TlsFiles, require_client: bool = True) -> ServerContext:
    """TLS >= 1.2 with the given certificate; with `client_ca` a client certificate is demanded, or checked if given.

    Where it need not be given, the authority's file may come later. Raises OSError or ssl.SSLError if a file is missing
    or unusable.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.use(_read(files, require_client))
    return context


def _read(files: TlsFiles, require_client: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    if files.client_ca is not None and (require_client or files.client_ca.exists()):
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
    return context


def client_ssl_context(
    ca_file: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Verify servers by the system's authorities, or by `ca_file` as well; show `cert` if one is given.

    Python 3.13 began to refuse authorities without a keyUsage extension, which Go, curl and earlier Pythons accept and
    sites have: all versions accept them here.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


@contextlib.asynccontextmanager
async def keep_certificate_fresh(
    context: ServerContext, files: TlsFiles, require_client: bool = True, interval: float = RELOAD_SECONDS
) -> AsyncIterator[None]:
    """Inside the context, make `context` use the files again whenever they change.

    A half-written pair is refused by OpenSSL and tried again at the next look; connections that stand are not touched.
    """
    task = asyncio.create_task(_watch(context, files, require_client, interval))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(context: ServerContext, files: TlsFiles, require_client: bool, interval: float) -> None:
    loaded = _stamp(files)
    while True:
        await asyncio.sleep(interval)
        found = _stamp(files)
        if found == loaded or found is None:
            continue
        try:
            context.use(_read(files, require_client))
        except (OSError, ssl.SSLError) as error:
            log.warning("tls.reload_failed", cert=str(files.cert), error=error)
        else:
            loaded = found
            log.info("tls.reloaded", cert=str(files.cert))


def _stamp(files: TlsFiles) -> tuple[int, ...] | None:
    """What shows that a file changed; None while the certificate is not all there."""
    try:
        stats = [files.cert.stat(), files.key.stat()]
    except OSError:
        return None
    if files.client_ca is not None:
        with contextlib.suppress(OSError):
            stats.append(files.client_ca.stat())
    return tuple(value for s in stats for value in (s.st_mtime_ns, s.st_ino, s.st_size))
