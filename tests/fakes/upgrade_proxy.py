"""What an API server does with `kubectl exec`: the pod is shown, and the upgraded connection is passed on to the pod's node."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}
DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS]},
}


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


@contextlib.asynccontextmanager
async def api_server(pod: dict[str, Any], kubelet_port: int, token: str) -> AsyncIterator[str]:
    """Its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                if urlsplit(target).path.endswith(("/exec", "/attach")):
                    await pass_on(method, target, head, reader, writer)
                    break
                body = json.dumps(DISCOVERY.get(urlsplit(target).path, pod)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
        writer.close()

    async def pass_on(
        method: str, target: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        parts = urlsplit(target)
        *_, namespace, _, name, what = parts.path.split("/")
        (container,) = parse_qs(parts.query)["container"]
        path = f"/{what}/{namespace}/{name}/{container}?{parts.query}"
        rest = head.split("\r\n", 1)[1]
        theirs, ours = await asyncio.open_connection("127.0.0.1", kubelet_port)
        ours.write(f"{method} {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{rest}".encode())
        copies = [asyncio.ensure_future(_copy(reader, ours)), asyncio.ensure_future(_copy(theirs, writer))]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for copy in copies:
            copy.cancel()
        ours.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
