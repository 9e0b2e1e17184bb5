"""The API server: configuration, TLS and transport of the official client, with plain JSON objects in and out.

The client's model classes are not used: they are slow to make and lose fields that they don't know.
"""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import load_incluster_config, load_kube_config

from offload_backend import metrics
from offload_backend.core.pod import JsonObject

CONNECTIONS = 32
_DEADLINES = aiohttp.ClientTimeout(total=30, sock_connect=10)
_APPLY = "application/apply-patch+yaml"

Query = Mapping[str, Any]


class ApiError(Exception):
    """The API server refused a request, or could not be asked (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status
        self.message = message

    @property
    def absent(self) -> bool:
        return self.status in (404, 410)

    @property
    def passing(self) -> bool:
        """The same request may well be taken later: the server is away or busy, or a quota is used up now."""
        return self.status in (0, 408, 409, 429) or self.status >= 500 or self.exhausted

    @property
    def exhausted(self) -> bool:
        return self.status == 403 and "exceeded quota" in self.message


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: JsonObject | None = None
    query: Query = field(default_factory=dict)
    kind: str = "application/json"
    """The body's content type."""


class ApiServer:
    """Requests to the API server, each with a deadline."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        # Python 3.13 refuses authorities without a keyUsage extension, which clusters have and Go accepts
        configuration.disable_strict_ssl_verification = True
        self._configuration = configuration
        self._rest = RESTClientObject(configuration)

    @classmethod
    async def connect(cls, kubeconfig: Path | None) -> Self:
        """With a kubeconfig's current context, or as the service account of this pod."""
        configuration = Configuration()
        if kubeconfig is not None:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration)

    async def close(self) -> None:
        await self._rest.close()

    async def get(self, path: str, **query: Any) -> JsonObject:
        return await self._call(_Request("GET", path, query=query))

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        return await self._call(_Request("POST", path, body))

    async def apply(self, path: str, body: JsonObject, manager: str) -> JsonObject:
        """Make the object what `body` says, whether it exists or not (server-side apply)."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._call(_Request("PATCH", path, body, query, kind=_APPLY))

    async def delete(self, path: str, body: JsonObject | None = None, **query: Any) -> JsonObject:
        return await self._call(_Request("DELETE", path, body, query))

    async def stream(self, path: str, query: Query, idle: float, total: float | None = None) -> AsyncIterator[bytes]:
        """The pieces of a long answer. Raises ApiError, also after `idle` seconds of silence or `total` in all."""
        deadlines = aiohttp.ClientTimeout(total=total, sock_connect=10, sock_read=idle)
        response = await self._send(_Request("GET", path, query=query), deadlines)
        try:
            if response.status != 200:
                raise _error(response.status, await response.read())
            async for chunk in response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"the answer broke off: {error or type(error).__name__}") from error
        finally:
            response.close()

    async def _call(self, request: _Request) -> JsonObject:
        begun, status = time.monotonic(), 0
        try:
            response = await self._send(request, _DEADLINES)
            try:
                status, data = response.status, await response.read()
            finally:
                response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"no answer from the API server: {error or type(error).__name__}") from error
        finally:
            metrics.API_REQUESTS.labels(request.method, _resource(request.path), status).inc()
            metrics.API_SECONDS.labels(request.method).observe(time.monotonic() - begun)
        if not 200 <= status < 300:
            raise _error(status, data)
        return decoded(data)

    async def _send(self, request: _Request, deadlines: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": request.kind, "User-Agent": "highrate-offload-backend"}
        token = await self._configuration.get_api_key_with_prefix("BearerToken")
        if token:
            headers["Authorization"] = token
        url = f"{self._configuration.host}{request.path}"
        if request.query:
            url += f"?{urlencode(request.query)}"
        try:
            wrapped = await self._rest.request(  # type: ignore[no-untyped-call]
                request.method, url, headers=headers, body=request.body, _request_timeout=deadlines
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"the API server can't be reached: {error or type(error).__name__}") from error
        response: aiohttp.ClientResponse = wrapped.response
        return response


def decoded(data: bytes) -> JsonObject:
    """The object in an answer. Raises ApiError where it is none: something in between answers for the API server."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(0, f"what was answered is not the API server's JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(0, f"what was answered is a {type(value).__name__}, not an object")
    return value


def _error(status: int, data: bytes) -> ApiError:
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    message = said.get("message") if isinstance(said, dict) else None
    return ApiError(status, str(message or data.decode("utf-8", "replace")[:500]))


def _resource(path: str) -> str:
    """The resource in a path, without names: /api/v1/namespaces/x/pods/y/log -> pods/log."""
    parts = path.strip("/").split("/")[2:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return "/".join(parts[::2]) or path
