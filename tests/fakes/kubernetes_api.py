"""As much of a Kubernetes API server as a spawner uses: pods, claims and events in one namespace, lists, watches and refusals.

For fates that a real cluster won't give on demand: a pod gets the status that the test says, the moment it is made. A pod that
runs is this server itself, which answers for the program in it.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

Object = dict[str, Any]


@dataclass
class Fate:
    """What becomes of a pod: its status, and its events as (reason, message)."""

    status: Object
    events: list[tuple[str, str]] = field(default_factory=list)


def runs() -> Fate:
    started = [
        ("Scheduled", "assigned to node"),
        ("Pulled", "already present on machine"),
        ("Started", "Started container"),
    ]
    container = {"name": "notebook", "ready": True, "state": {"running": {}}}
    return Fate({"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [container]}, started)


def waits(reason: str = "ContainerCreating", message: str = "", events: list[tuple[str, str]] | None = None) -> Fate:
    container = {"name": "notebook", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}
    return Fate({"phase": "Pending", "podIP": None, "containerStatuses": [container]}, events or [])


def finds_no_machine(message: str) -> Fate:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return Fate({"phase": "Pending", "podIP": None, "conditions": [condition]}, [("FailedScheduling", message)])


@dataclass
class KubernetesApi:
    """`fate` is that of the pods made from now on; `refuses` makes creating one fail with (status, message).

    `may_patch` is whether clients have that right.
    """

    url: str = ""
    port: int = 0
    fate: Fate = field(default_factory=runs)
    refuses: tuple[int, str] | None = None
    may_patch: bool = True
    deleted: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of what clients deleted."""
    made: dict[str, dict[str, Object]] = field(
        default_factory=lambda: {"pods": {}, "persistentvolumeclaims": {}, "events": {}}
    )
    _history: list[tuple[str, Object]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def pods(self) -> dict[str, Object]:
        return self.made["pods"]

    @property
    def claims(self) -> dict[str, Object]:
        return self.made["persistentvolumeclaims"]

    async def become(self, name: str, fate: Fate) -> None:
        """Let `fate` happen to the pod."""
        pod = self.pods[name]
        image = pod["spec"]["containers"][0]["image"]
        states = [{**state, "image": image} for state in fate.status.get("containerStatuses", [])]
        await self._keep("pods", "MODIFIED", {**pod, "status": {**fate.status, "containerStatuses": states}})
        for reason, message in fate.events:
            await self._keep("events", "ADDED", _event(pod["metadata"], reason, message))

    def app(self) -> web.Application:
        app = web.Application()
        place = "/api/v1/namespaces/{namespace}/{kind}"
        app.router.add_get(place, self._list)
        app.router.add_post(place, self._create)
        app.router.add_get(place + "/{name}", self._read)
        app.router.add_patch(place + "/{name}", self._patch)
        app.router.add_delete(place + "/{name}", self._delete)
        app.router.add_get("/user/{rest:.*}", self._session)
        return app

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if request.query.get("watch"):
            return await self._watch(request, kind)
        found = {"items": list(self.made[kind].values()), "metadata": {"resourceVersion": str(len(self._history))}}
        return web.json_response(found)

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        seen = int(request.query["resourceVersion"])
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(float(request.query.get("timeoutSeconds", 10))):
                while True:
                    async with self._changed:
                        while len(self._history) == seen:
                            await self._changed.wait()
                    news, seen = self._history[seen:], len(self._history)
                    lines = [json.dumps(change) + "\n" for changed, change in news if changed == kind]
                    await reply.write("".join(lines).encode())
        return reply

    async def _create(self, request: web.Request) -> web.Response:
        kind, made = request.match_info["kind"], await request.json()
        name = made["metadata"]["name"]
        if self.refuses is not None and kind == "pods":
            return _status(*self.refuses)
        if name in self.made[kind]:
            return _status(409, f'{kind} "{name}" already exists')
        made["metadata"] |= {"namespace": request.match_info["namespace"], "uid": str(uuid.uuid4())}
        made["metadata"]["creationTimestamp"] = datetime.now(UTC).isoformat(timespec="seconds")
        await self._keep(kind, "ADDED", made | ({"status": {"phase": "Pending"}} if kind == "pods" else {}))
        if kind == "pods":
            await self.become(name, self.fate)
        return web.json_response(made, status=201)

    async def _read(self, request: web.Request) -> web.Response:
        found = self.made[request.match_info["kind"]].get(request.match_info["name"])
        return web.json_response(found) if found else _status(404, "not found")

    async def _patch(self, request: web.Request) -> web.Response:
        """Of annotations, which is all that is patched."""
        kind, name, change = request.match_info["kind"], request.match_info["name"], await request.json()
        if not self.may_patch:
            return _status(403, f'{kind} "{name}" is forbidden: cannot patch resource')
        metadata = self.made[kind][name]["metadata"]
        annotations = {**metadata.get("annotations", {}), **change["metadata"]["annotations"]}
        patched = {**self.made[kind][name], "metadata": {**metadata, "annotations": annotations}}
        await self._keep(kind, "MODIFIED", patched)
        return web.json_response(patched)

    async def _delete(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        self.deleted.append((kind, name))
        if name not in self.made[kind]:
            return _status(404, "not found")
        await self._keep(kind, "DELETED", self.made[kind][name])
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _keep(self, kind: str, change: str, changed: Object) -> None:
        name = changed["metadata"]["name"]
        changed = {**changed, "metadata": {**changed["metadata"], "resourceVersion": str(len(self._history) + 1)}}
        if change == "DELETED":
            del self.made[kind][name]
        else:
            self.made[kind][name] = changed
        self._history.append((kind, {"type": change, "object": changed}))
        async with self._changed:
            self._changed.notify_all()

    async def _session(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": "the session"})


def _event(pod: Object, reason: str, message: str) -> Object:
    name, now = f"{pod['name']}.{uuid.uuid4()}", datetime.now(UTC).isoformat()
    return {
        "metadata": {"name": name, "namespace": pod["namespace"], "uid": name},
        "involvedObject": {"kind": "Pod", "name": pod["name"], "uid": pod["uid"]},
        "type": "Normal",
        "reason": reason,
        "message": message,
        "lastTimestamp": now,
        "eventTime": None,
    }


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "status": "Failure", "code": code, "message": message}, status=code)


@contextlib.asynccontextmanager
async def running(kube: KubernetesApi) -> AsyncIterator[KubernetesApi]:
    """Serve `kube` on this machine and set its `url` and `port`."""
    runner = web.AppRunner(kube.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kube.port = runner.addresses[0][1]
    kube.url = f"http://127.0.0.1:{kube.port}"
    try:
        yield kube
    finally:
        await runner.cleanup()
