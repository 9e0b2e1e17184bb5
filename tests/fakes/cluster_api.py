"""As much of a Kubernetes API server as the gateway's backend uses, with faults on demand.

Pods, Secrets, events and nodes as JSON; label selectors, lists, watches that can expire, server-side apply, deletes of many, and a
garbage collector that follows owners. A pod has the status that a test gives it.
"""

import asyncio
import contextlib
import copy
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.fakes.served import served

Object = dict[str, Any]
_PATH = "/api/v1/namespaces/{namespace}/{kind}"


@dataclass
class ClusterApi:
    """`away`: every request is answered with 503. `refuses`: creating a pod fails with (status, message). `held`: deletes of many
    begin when it is set.
    """

    url: str = ""
    away: bool = False
    refuses: tuple[int, str] | None = None
    held: asyncio.Event | None = None
    log: bytes = b"first line\nlast line\n"
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {"pods": {}, "secrets": {}, "events": {}})
    nodes: dict[str, Object] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of all of them."""
    _history: list[tuple[str, Object]] = field(default_factory=list)
    _oldest: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def pods(self) -> dict[str, Object]:
        return self.objects["pods"]

    @property
    def secrets(self) -> dict[str, Object]:
        return self.objects["secrets"]

    async def become(self, pod: str, phase: str, **status: Any) -> None:
        """Give the pod a status."""
        await self._keep("pods", "MODIFIED", {**self.pods[pod], "status": {"phase": phase, **status}})

    async def vanish(self, kind: str, name: str) -> None:
        """Remove an object, and what it owns."""
        gone = self.objects[kind][name]
        await self._keep(kind, "DELETED", gone)
        for other, found in list(self.pods.items()):
            owners = [owner["uid"] for owner in found["metadata"].get("ownerReferences", ())]
            if gone["metadata"]["uid"] in owners and other in self.pods:
                await self.vanish("pods", other)

    async def expire(self) -> None:
        """Forget the history: watches have to begin anew."""
        async with self._changed:
            self._oldest = len(self._history)
            self._changed.notify_all()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        app.router.add_get(_PATH, self._list)
        app.router.add_post(_PATH, self._create)
        app.router.add_delete(_PATH, self._delete_many)
        app.router.add_get(_PATH + "/{name}", self._read)
        app.router.add_patch(_PATH + "/{name}", self._apply)
        app.router.add_delete(_PATH + "/{name}", self._delete)
        app.router.add_get(_PATH + "/{name}/log", self._log)
        app.router.add_get("/api/v1/nodes/{name}", self._node)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        if self.away:
            return _status(503, "the server is currently unable to handle the request")
        reply: web.StreamResponse = await handler(request)
        return reply

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if request.query.get("watch"):
            return await self._watch(request, kind)
        found = [item for item in self.objects[kind].values() if _selected(item, request.query)]
        return web.json_response({"items": found, "metadata": {"resourceVersion": str(len(self._history))}})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        reply, seen = web.StreamResponse(), int(request.query["resourceVersion"])
        await reply.prepare(request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while not self.away:
                    async with self._changed:
                        while len(self._history) == seen and seen >= self._oldest and not self.away:
                            await self._changed.wait()
                    if seen < self._oldest:
                        gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
                        await reply.write(json.dumps(gone).encode() + b"\n")
                        break
                    news, seen = self._history[seen:], len(self._history)
                    lines = [
                        json.dumps(c) + "\n" for k, c in news if k == kind and _selected(c["object"], request.query)
                    ]
                    await reply.write("".join(lines).encode())
        return reply

    async def _create(self, request: web.Request) -> web.Response:
        kind, made = request.match_info["kind"], await request.json()
        if self.refuses is not None and kind == "pods":
            return _status(*self.refuses)
        if made["metadata"]["name"] in self.objects[kind]:
            return _status(409, f'{kind} "{made["metadata"]["name"]}" already exists')
        return web.json_response(await self._new(kind, made), status=201)

    async def _new(self, kind: str, made: Object) -> Object:
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        made["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp}
        return await self._keep(kind, "ADDED", made | ({"status": {"phase": "Pending"}} if kind == "pods" else {}))

    async def _apply(self, request: web.Request) -> web.Response:
        kind, name, wanted = request.match_info["kind"], request.match_info["name"], await request.json()
        before = self.objects[kind].get(name)
        if before is None:
            return web.json_response(await self._new(kind, wanted), status=201)
        wanted["metadata"] |= {key: before["metadata"][key] for key in ("uid", "creationTimestamp")}
        return web.json_response(await self._keep(kind, "MODIFIED", wanted))

    async def _read(self, request: web.Request) -> web.Response:
        found = self.objects[request.match_info["kind"]].get(request.match_info["name"])
        return web.json_response(found) if found else _status(404, "not found")

    async def _delete(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        if name not in self.objects[kind]:
            return _status(404, "not found")
        await self.vanish(kind, name)
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _delete_many(self, request: web.Request) -> web.Response:
        if self.held is not None:
            await self.held.wait()
        kind = request.match_info["kind"]
        for name, found in list(self.objects[kind].items()):
            if name in self.objects[kind] and _selected(found, request.query):
                await self.vanish(kind, name)
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _log(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self.pods:
            return _status(404, "not found")
        lines = self.log.splitlines(keepends=True)[-int(request.query["tailLines"]) :]
        return web.Response(body=b"".join(lines))

    async def _node(self, request: web.Request) -> web.Response:
        found = self.nodes.get(request.match_info["name"])
        return web.json_response(found) if found else _status(404, "not found")

    async def _keep(self, kind: str, change: str, changed: Object) -> Object:
        changed = copy.deepcopy(changed)
        changed["metadata"]["resourceVersion"] = str(len(self._history) + 1)
        if change == "DELETED":
            del self.objects[kind][changed["metadata"]["name"]]
        else:
            self.objects[kind][changed["metadata"]["name"]] = changed
        self._history.append((kind, {"type": change, "object": changed}))
        async with self._changed:
            self._changed.notify_all()
        return changed


def _selected(found: Object, query: Mapping[str, str]) -> bool:
    """`key=value` and `key notin (a,b)`, as far as the backend writes them; field selectors select everything."""
    labels = found["metadata"].get("labels", {})
    for key, values, value in re.findall(r"([\w./-]+)(?: notin \(([^)]*)\)|=([^,]*))", query.get("labelSelector", "")):
        if values and labels.get(key) in values.split(","):
            return False
        if not values and labels.get(key) != value:
            return False
    return True


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "status": "Failure", "code": code, "message": message}, status=code)


@contextlib.asynccontextmanager
async def running(api: ClusterApi) -> AsyncIterator[ClusterApi]:
    """Serve `api` on this machine and set its `url`."""
    async with served(api.app()) as api.url:
        yield api
