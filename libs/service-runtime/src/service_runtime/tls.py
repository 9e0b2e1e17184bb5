"""TLS contexts, and server certificates that are taken up again when their files change."""

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
    """PEM file of the authority whose client certificates are asked for; without it none is asked for."""


def server_ssl_context(files: TlsFiles, require_client: bool = True) -> ssl.SSLContext:
    """TLS >= 1.2 with the given certificate; with `client_ca` a client certificate is demanded, or checked if given.

    Raises OSError or ssl.SSLError if a file is missing or unusable.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    if files.client_ca is not None:
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
    context: ssl.SSLContext, files: TlsFiles, interval: float = RELOAD_SECONDS
) -> AsyncIterator[None]:
    """Inside the context, load the certificate into `context` again whenever its files change.

    A half-written pair is refused by OpenSSL and tried again at the next look; connections that stand are not touched.
    """
    task = asyncio.create_task(_watch(context, files, interval))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(context: ssl.SSLContext, files: TlsFiles, interval: float) -> None:
    loaded = _stamp(files)
    while True:
        await asyncio.sleep(interval)
        found = _stamp(files)
        if found == loaded or found is None:
            continue
        try:
            context.load_cert_chain(files.cert, files.key)
        except (OSError, ssl.SSLError) as error:
            log.warning("tls.reload_failed", cert=str(files.cert), error=error)
        else:
            loaded = found
            log.info("tls.reloaded", cert=str(files.cert))


def _stamp(files: TlsFiles) -> tuple[int, ...] | None:
    try:
        stats = [files.cert.stat(), files.key.stat()]
    except OSError:
        return None
    return tuple(value for s in stats for value in (s.st_mtime_ns, s.st_ino, s.st_size))
