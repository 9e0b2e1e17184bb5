"""The one HTTP client: every call has deadlines, unix sockets look like any other address."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from service_runtime.tls import client_ssl_context

__all__ = ["Deadlines", "HttpClient", "client_ssl_context", "retry_after"]

LONGEST_RETRY_AFTER = 600.0


def retry_after(value: str) -> float:
    """Seconds of a Retry-After header, 0 where it says none; the form with a date is rare and not worth a wrong clock."""
    return min(float(value), LONGEST_RETRY_AFTER) if value.isascii() and value.isdigit() else 0.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for a connection, between two reads (the first byte included), and for the whole call (None: no end)."""

    connect: float = 10.0
    first_byte: float = 30.0
    total: float | None = 60.0

    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self.total, sock_connect=self.connect, sock_read=self.first_byte)


class HttpClient:
    """Calls to one server, over kept-alive connections.

    `base_url` is `unix:///path/to.sock`, `http://host[:port][/prefix]` or the same with https. Proxies of the
    environment are not used: what we talk to is named by the configuration alone. Raises ValueError for another scheme.
    """

    def __init__(
        self,
        base_url: str,
        *,
        deadlines: Deadlines | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connections: int = 100,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("unix", "http", "https"):
            raise ValueError(f'"{base_url}" is no address: use unix:///path, http://host:port or https://host:port')
        self.base_url = base_url
        self.deadlines = deadlines or Deadlines()
        self._socket_path = parts.netloc + parts.path if parts.scheme == "unix" else None
        # a plugin behind a unix socket is addressed as host "unix" (interLink wire, both hops)
        self._prefix = "http://unix" if self._socket_path else base_url.rstrip("/")
        self._ssl_context = ssl_context or (client_ssl_context() if parts.scheme == "https" else None)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector: aiohttp.BaseConnector
        if self._socket_path is not None:
            connector = aiohttp.UnixConnector(self._socket_path, limit=self._connections)
        else:
            connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._ssl_context or True)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        deadlines: Deadlines | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its response; whatever is not read by the end of the context is dropped.

        Raises aiohttp.ClientError when the server can't be reached or breaks off, TimeoutError when a deadline passed.
        Redirects are not followed: none of our peers sends any, and a followed one would carry credentials elsewhere.
        """
        if self._session is None:
            raise RuntimeError("HttpClient is used outside of its context")
        timeout = (deadlines or self.deadlines).timeout()
        async with self._session.request(
            method,
            self._prefix + path,
            headers=headers,
            data=data or None,
            timeout=timeout,
            allow_redirects=False,
            # nothing is of no type, as with Go's client, which peers were written against
            skip_auto_headers=() if data else ("Content-Type",),
        ) as response:
            yield response

    @contextlib.asynccontextmanager
    async def websocket(
        self, path: str, *, headers: Mapping[str, str], subprotocol: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket, closed at the end of the context; the deadlines are those of its opening.

        Raises aiohttp.ClientError (WSServerHandshakeError where the server answered with something else), TimeoutError.
        """
        if self._session is None:
            raise RuntimeError("HttpClient is used outside of its context")
        async with asyncio.timeout(self.deadlines.first_byte):
            socket = await self._session.ws_connect(
                self._prefix + path,
                headers=headers,
                protocols=(subprotocol,),
                timeout=aiohttp.ClientWSTimeout(ws_close=self.deadlines.connect),
            )
        try:
            yield socket
        finally:
            await socket.close()
