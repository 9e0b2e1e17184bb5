"""Where a service listens (unix socket, http, https) and how its aiohttp application is served there.

One place knows about stale sockets, certificates that are replaced while we run, and draining at the end.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from service_runtime.logs import get_logger
from service_runtime.openid import is_loopback
from service_runtime.silent_connections import SilentConnections
from service_runtime.tls import ServerContext, TlsFiles, keep_certificate_fresh, server_ssl_context

# a token of somebody in hundreds of groups is longer than aiohttp's 8 KiB; what is refused here is a bare 400, which our
# callers have to take for a pod that can never run
LONGEST_HEADER = 64 * 1024
KEEPALIVE_SECONDS = 130.0  # Go clients keep idle connections for 120 s; closing first would reset their next call


class _NoEcho(logging.Filter):
    """aiohttp quotes what it could not parse, which may be half of an Authorization header; the log gets its kind."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg = f"{record.msg}: {type(error).__name__}"
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


server_logger.addFilter(_NoEcho())

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; for `unix` only `path` is set, for the others `host` and `port`."""

    scheme: Literal["unix", "http", "https"]
    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, url: str) -> "Listen":
        """Read `unix:///path`, `http://host:port` or `https://host:port`. Raises ValueError with what is wrong."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            path = Path(parts.netloc + parts.path)
            if not path.is_absolute():
                raise ValueError(f'"{url}" needs an absolute path, as in unix:///run/service.sock')
            return cls("unix", path=path)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f'"{url}" is no address: use unix:///path, http://host:port or https://host:port')
        if parts.hostname is None or parts.port is None or parts.path not in ("", "/"):
            raise ValueError(f'"{url}" needs a host and a port and nothing more, as in {parts.scheme}://0.0.0.0:8443')
        return cls("https" if parts.scheme == "https" else "http", host=parts.hostname, port=parts.port)

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def warn_of_strangers(listen: Listen, tls: TlsFiles | None) -> None:
    """Say at the start of a service that knows its callers by nothing else that anybody may call it."""
    if listen.path is not None or is_loopback(listen.host):
        return
    if listen.scheme == "http":
        risk = "whoever reaches the address may call, and whoever is in between reads and changes what is sent"
    elif tls is None or tls.client_ca is None:
        risk = "callers are asked for no certificate: whoever reaches the address may call"
    else:
        return
    advice = "use a unix socket, or https with the authority of the callers' certificates"
    log.warning("listen.open_to_strangers", address=str(listen), risk=risk, advice=advice)


@contextlib.asynccontextmanager
async def serve_app(
    app: web.Application,
    listen: Listen,
    tls: TlsFiles | None = None,
    drain_seconds: float = 10,
    socket_mode: int = 0o660,
    *,
    require_client: bool = True,
) -> AsyncIterator[tuple[str, int] | None]:
    """Serve `app` inside the context; gives the bound (host, port), None for a unix socket.

    On leaving, no new connection is accepted and running requests get `drain_seconds` to finish. With `require_client`
    False a client certificate (of `tls.client_ca`) is checked if there is one, but may be missing, and so may that file.
    Raises ValueError for https without certificate, OSError if the address is taken, ssl.SSLError for a bad
    certificate.
    """
    context = _context(listen, tls, require_client)
    silent = SilentConnections(app)
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        shutdown_timeout=drain_seconds,
        max_field_size=LONGEST_HEADER,
        handler_cancellation=True,  # a client that left must not keep an upstream busy
    )
    await runner.setup()
    own = None
    try:
        if listen.path is not None:
            await _remove_stale_socket(listen.path)
            site: web.BaseSite = web.UnixSite(runner, listen.path)
            await site.start()
            listen.path.chmod(socket_mode)
        else:
            site = web.TCPSite(runner, listen.host, listen.port, ssl_context=context, backlog=1024)
            await site.start()
        own = _inode(listen.path)
        async with contextlib.AsyncExitStack() as stack:
            if context is not None and tls is not None:
                await stack.enter_async_context(keep_certificate_fresh(context, tls, require_client))
            assert runner.server is not None, "setup() made it"
            await stack.enter_async_context(silent.watched(runner.server))
            yield _bound(runner)
    finally:
        await runner.cleanup()
        # while we drained, a successor may have put its own socket there
        if listen.path is not None and own is not None and _inode(listen.path) == own:
            listen.path.unlink(missing_ok=True)


def _context(listen: Listen, tls: TlsFiles | None, require_client: bool) -> ServerContext | None:
    if listen.scheme != "https":
        return None
    if tls is None:
        raise ValueError(f"{listen} needs a certificate and a key")
    return server_ssl_context(tls, require_client)


def _bound(runner: web.AppRunner) -> tuple[str, int] | None:
    address = runner.addresses[0]
    return None if isinstance(address, str) else (address[0], address[1])


def _inode(path: Path | None) -> int | None:
    try:
        return path.stat().st_ino if path is not None else None
    except OSError:
        return None


async def _remove_stale_socket(path: Path) -> None:
    """Unlink a socket that a killed predecessor left; raises OSError if somebody still answers on it."""
    if not path.is_socket():
        return
    probe = socket.socket(socket.AF_UNIX)
    probe.setblocking(False)
    try:
        async with asyncio.timeout(1):
            await asyncio.get_running_loop().sock_connect(probe, str(path))
    except (OSError, TimeoutError):
        path.unlink(missing_ok=True)
    else:
        raise OSError(f"{path} is in use by another process")
    finally:
        probe.close()
