"""The API server: configuration, TLS and transport of the official client, with plain JSON objects in and out.

The client's model classes are not used: they are slow to make and lose fields that they don't know.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import load_incluster_config, load_kube_config
from prometheus_client import Counter, Histogram
from service_runtime.http_client import retry_after

from kubernetes_client.answer import ApiError, JsonObject, decoded, refusal

CONNECTIONS = 64
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_CONNECT_SECONDS = 10
_DEADLINES = aiohttp.ClientTimeout(total=30, sock_connect=_CONNECT_SECONDS)
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)
_BUSY_TRIES = 4
_BUSY_WAIT = 1.0
_LONGEST_BUSY_WAIT = 10.0

Chunks: TypeAlias = AsyncGenerator[bytes, None]


class RequestMetrics(NamedTuple):
    """`requests` by method, resource and status (0: no answer), `seconds` by method."""

    requests: Counter
    seconds: Histogram


class _Answer(NamedTuple):
    status: int
    data: bytes
    retry_after: float


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: JsonObject | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "application/json"
    """The body's content type."""


class ApiServer:
    """Requests to the API server, with deadlines; "too many requests" is waited out here. All raise ApiError.

    `agent` is who asks, as the API server's audit log names it.
    """

    def __init__(self, configuration: Configuration, agent: str, metrics: RequestMetrics) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        # Python 3.13 refuses authorities without a keyUsage extension, which clusters have and Go accepts
        configuration.disable_strict_ssl_verification = True
        self._configuration = configuration
        self._agent = agent
        self._metrics = metrics
        self._rest = RESTClientObject(configuration)

    @classmethod
    async def connect(cls, kubeconfig: Path | None, agent: str, metrics: RequestMetrics) -> Self:
        """With a kubeconfig's current context, or as the service account of this pod."""
        configuration = Configuration()
        if kubeconfig is not None:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration, agent, metrics)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._rest.close()

    async def get(self, path: str, **query: Any) -> JsonObject:
        return await self._call(_Request("GET", path, query=query))

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        return await self._call(_Request("POST", path, body))

    async def patch(self, path: str, body: JsonObject, kind: str = STRATEGIC_MERGE, **query: Any) -> JsonObject:
        return await self._call(_Request("PATCH", path, body, query, kind))

    async def delete(self, path: str, body: JsonObject, **query: Any) -> JsonObject:
        return await self._call(_Request("DELETE", path, body, query))

    async def stream(self, path: str, idle: float, total: float | None = None, **query: Any) -> Chunks:
        """The pieces of a long answer, until the server ends it; `idle` seconds of silence, or `total` in all, break it off."""
        deadlines = aiohttp.ClientTimeout(total=total, sock_connect=_CONNECT_SECONDS, sock_read=idle)
        response = await self._send(_Request("GET", path, query=query), deadlines)
        try:
            if response.status != 200:
                raise refusal(response.status, await response.read())
            async for chunk in response.content.iter_any():
                yield chunk
        except _BROKEN as error:
            raise ApiError(0, f"the answer broke off: {error or type(error).__name__}") from error
        finally:
            response.close()

    async def lines(self, path: str, idle: float, **query: Any) -> Chunks:
        """The lines of a long answer, without those that are empty, or have no end since it broke off."""
        rest = b""
        async with contextlib.aclosing(self.stream(path, idle, **query)) as chunks:
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    yield line

    async def _call(self, request: _Request) -> JsonObject:
        answer = await self._counted(request)
        for _ in range(_BUSY_TRIES - 1):
            if answer.status != 429:
                break
            await asyncio.sleep(min(_LONGEST_BUSY_WAIT, answer.retry_after or _BUSY_WAIT))
            answer = await self._counted(request)
        if not 200 <= answer.status < 300:
            raise refusal(answer.status, answer.data)
        return decoded(answer.data)

    async def _counted(self, request: _Request) -> _Answer:
        begun, status = time.monotonic(), 0
        try:
            answer = await self._exchange(request)
            status = answer.status
            return answer
        finally:
            self._metrics.requests.labels(request.method, _resource(request.path), status).inc()
            self._metrics.seconds.labels(request.method).observe(time.monotonic() - begun)

    async def _exchange(self, request: _Request) -> _Answer:
        response = await self._send(request, _DEADLINES)
        try:
            wait = retry_after(response.headers.get("Retry-After", ""))
            return _Answer(response.status, await response.read(), wait)
        except _BROKEN as error:
            raise ApiError(0, f"no answer from the API server: {error or type(error).__name__}") from error
        finally:
            response.release()

    async def _send(self, request: _Request, deadlines: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": request.kind, "User-Agent": self._agent}
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
        except _BROKEN as error:
            raise ApiError(0, f"the API server can't be reached: {error or type(error).__name__}") from error
        response: aiohttp.ClientResponse = wrapped.response
        return response


def _resource(path: str) -> str:
    """The resource in a path, without the names in it: /api/v1/namespaces/x/pods/y/status -> pods/status."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return "/".join(parts[::2]) or path
