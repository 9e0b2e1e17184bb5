"""The API server: configuration, TLS and transport of the official client, with plain JSON objects in and out.

The client's model classes are not used: they are slow to make and lose fields that they don't know.
"""

import asyncio
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
from service_runtime.http_client import retry_after
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.model.pod import JsonObject

CONNECTIONS = 64
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_DEADLINES = aiohttp.ClientTimeout(total=30, sock_connect=10)
_BUSY_TRIES = 4
_BUSY_WAIT = 1.0
_LONGEST_BUSY_WAIT = 10.0

log = get_logger(__name__)


class ApiError(Exception):
    """The API server refused a request, or could not be asked (`status` 0)."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def absent(self) -> bool:
        """The object is not there (any more), or another one has its name."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        return self.status == 409


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: JsonObject | None
    query: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "application/json"
    """The body's content type."""


class ApiServer:
    """Requests to the API server, with deadlines; "too many requests" is waited out here."""

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._rest.close()

    async def get(self, path: str, **query: Any) -> JsonObject:
        return await self._call(_Request("GET", path, None, query))

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        return await self._call(_Request("POST", path, body))

    async def patch(self, path: str, body: JsonObject, kind: str = STRATEGIC_MERGE) -> JsonObject:
        return await self._call(_Request("PATCH", path, body, kind=kind))

    async def delete(self, path: str, body: JsonObject) -> JsonObject:
        return await self._call(_Request("DELETE", path, body))

    async def stream(self, path: str, idle_seconds: float, **query: Any) -> AsyncIterator[bytes]:
        """The lines of a watch, until the server ends it. Raises ApiError, also after `idle_seconds` of silence."""
        deadlines = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle_seconds)
        response = await self._send(_Request("GET", path, None, query), deadlines)
        try:
            if response.status != 200:
                raise _error(response.status, await response.read())
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"the watch broke: {error or type(error).__name__}") from error
        finally:
            response.close()

    async def _call(self, request: _Request) -> JsonObject:
        for attempt in range(_BUSY_TRIES):
            begun = time.monotonic()
            status, data, wait = await self._exchange(request)
            metrics.API_REQUESTS.labels(request.method, _resource(request.path), status).inc()
            metrics.API_SECONDS.labels(request.method).observe(time.monotonic() - begun)
            if status != 429 or attempt == _BUSY_TRIES - 1:
                break
            await asyncio.sleep(min(_LONGEST_BUSY_WAIT, wait or _BUSY_WAIT))
        if not 200 <= status < 300:
            raise _error(status, data)
        return decoded(data)

    async def _exchange(self, request: _Request) -> tuple[int, bytes, float]:
        response = await self._send(request, _DEADLINES)
        try:
            return response.status, await response.read(), retry_after(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"no answer from the API server: {error or type(error).__name__}") from error
        finally:
            response.release()

    async def _send(self, request: _Request, deadlines: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": request.kind, "User-Agent": "highrate-virtual-kubelet"}
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
        said = {}
    if not isinstance(said, dict):
        said = {}
    return ApiError(status, said.get("message") or data.decode("utf-8", "replace")[:500], said.get("reason") or "")


def _resource(path: str) -> str:
    """The resource in a path, without the names in it: /api/v1/namespaces/x/pods/y/status -> pods/status."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return "/".join(parts[::2]) or path


def pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"
