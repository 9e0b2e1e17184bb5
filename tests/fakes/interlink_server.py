"""An interLink API server without a site: speaks the real protocol, runs nothing, records everything, and fails on demand.

In a test, `FakeInterlink` is the site: `running()`, `ended()` and `say()` move its jobs, `faults` makes calls fail, `features`
decides what is announced (none: it is as interLink 0.6 is). As a program, for benches, the same over `/control`:

    python -m tests.fakes.interlink_server --port 4000 [--no-features]
    GET  /control                                    jobs, how often each was created and deleted, numbers of calls
    POST /control {"move": "running" | "ended"}      every job
    POST /control {"latency": seconds}               before every answer
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

JsonObject = dict[str, Any]
ALL_FEATURES = "list, retry-create, status-batch"
WATCHED = ALL_FEATURES + ", watch"
CHANGEABLE = ALL_FEATURES + ", update, stats"


@dataclass
class Job:
    """What the site knows of a pod."""

    uid: str
    name: str
    namespace: str
    containers: list[str]
    inits: list[str]
    request: JsonObject = field(repr=False, default_factory=dict)
    creates: int = 1
    state: JsonObject = field(default_factory=lambda: {"waiting": {"reason": "Queued"}})
    said: JsonObject | None = None
    beside: JsonObject = field(default_factory=dict)
    """What is said beside the containers: events, podIP, disruption."""
    moved: float = 0.0
    restarts: int = 0


@dataclass
class Fault:
    """An answer other than the right one, for the next `times` calls (-1: until it is removed)."""

    status: int
    body: str = ""
    times: int = -1
    after: bool = False
    """Do what was asked, and then answer so: the caller can't know."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Break the connection instead of answering."""


class FakeInterlink:
    """The server and the site behind it."""

    def __init__(self, features: str = ALL_FEATURES) -> None:
        self.features = features
        self.jobs: dict[str, Job] = {}
        self.deletes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.bodies: dict[str, Any] = {}
        self.faults: dict[str, Fault] = {}
        self.ping: JsonObject = {"status": "ok"}
        self.logs: dict[str, list[bytes]] = {}
        self.follow_gate: asyncio.Event | None = None
        self.logs_cancelled = asyncio.Event()
        self.latency = 0.0
        self.linger = False
        """Jobs stay when their delete is taken, as those that use their grace period."""
        self.create_gate: asyncio.Event | None = None
        self.updates: list[JsonObject] = []
        self.usage: list[JsonObject] = []
        self._moved = asyncio.Event()

    # what a test does to the site

    def running(self, uid: str | None = None) -> None:
        self._move({"running": {"startedAt": _now()}}, uid)

    def ended(self, uid: str | None = None, code: int = 0, **more: Any) -> None:
        self._move({"terminated": {"exitCode": code, "startedAt": _now(), "finishedAt": _now(), **more}}, uid)

    def restarted(self, uid: str) -> None:
        """A container of the pod was started again."""
        self.jobs[uid].restarts += 1
        self.running(uid)

    def _move(self, state: JsonObject, uid: str | None) -> None:
        for job in self.jobs.values() if uid is None else [self.jobs[uid]]:
            job.state, job.moved = state, time.time()
        self._moved.set()
        self._moved = asyncio.Event()

    def say(self, uid: str, **keys: Any) -> None:
        """Answer exactly these keys (`containers`, `initContainers`) about a pod."""
        self.jobs[uid].said = keys

    def named(self, name: str) -> Job:
        return next(job for job in self.jobs.values() if job.name == name)

    # the protocol

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        routes = {
            "/create": self._create,
            "/delete": self._delete,
            "/status": self._status,
            "/pods": self._list,
            "/pinglink": self._pinglink,
            "/update": self._update,
            "/stats": self._stats,
        }
        for path, handler in routes.items():
            app.router.add_route("*", path, self._answering(path, handler))
        app.router.add_route("*", "/getLogs", self._get_logs)
        app.router.add_route("*", "/watch", self._watch)
        app.router.add_route("*", "/control", self._control)
        return app

    def _answering(self, path: str, handler: Any) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            text = await request.read()
            body = json.loads(text) if text else None
            self.calls[path] += 1
            self.headers[path], self.bodies[path] = dict(request.headers), body
            if self.latency:
                await asyncio.sleep(self.latency)
            fault = self._fault(path)
            if fault is not None and not fault.after:
                return self._failed(request, fault)
            if path == "/create" and self.create_gate is not None:
                await self.create_gate.wait()
            right: web.Response = handler(body)
            return right if fault is None else self._failed(request, fault)

        return answer

    def _fault(self, path: str) -> Fault | None:
        fault = self.faults.get(path) or self.faults.get("*")
        if fault is not None and fault.times > 0:
            fault.times -= 1
            if fault.times == 0:
                self.faults = {key: value for key, value in self.faults.items() if value is not fault}
        return fault

    def _failed(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.cut and request.transport is not None:
            request.transport.abort()
        return web.Response(status=fault.status, text=fault.body, headers=fault.headers)

    def _create(self, body: JsonObject) -> web.Response:
        meta, spec = body["pod"]["metadata"], body["pod"]["spec"]
        known = self.jobs.get(meta["uid"])
        if known is not None:
            known.creates += 1
        else:
            names = [[c["name"] for c in spec.get(kind) or []] for kind in ("containers", "initContainers")]
            self.jobs[meta["uid"]] = Job(meta["uid"], meta["name"], meta["namespace"], names[0], names[1], body)
        return web.json_response({"PodUID": meta["uid"], "PodJID": f"job-{meta['uid'][:8]}"})

    def _delete(self, body: JsonObject) -> web.Response:
        uid = body["metadata"]["uid"]
        self.deletes[uid] += 1
        if self.linger and uid in self.jobs:
            return web.Response(text="deleted")
        found = self.jobs.pop(uid, None)
        return web.Response(text="deleted") if found else web.Response(status=404, text="unknown pod")

    def _update(self, body: JsonObject) -> web.Response:
        self.updates.append(body)
        return web.Response(text="updated")

    def _stats(self, _body: None) -> web.Response:
        return web.json_response(self.usage)

    def _status(self, body: list[JsonObject]) -> web.Response:
        asked = [pod["metadata"]["uid"] for pod in body]
        return web.json_response([self._state(self.jobs[uid]) for uid in asked if uid in self.jobs])

    def _list(self, _body: None) -> web.Response:
        return web.json_response([self._state(job) for job in self.jobs.values()])

    def _state(self, job: Job) -> JsonObject:
        begun = "waiting" not in job.state
        passed = {"terminated": {"exitCode": 0}} if begun else job.state
        said = job.said or {
            "containers": [
                {"name": n, "state": job.state, "ready": "running" in job.state, "restartCount": job.restarts}
                for n in job.containers
            ],
            "initContainers": [{"name": n, "state": passed} for n in job.inits] or None,
        }
        named = {"name": job.name, "UID": job.uid, "namespace": job.namespace, "JID": f"job-{job.uid[:8]}"}
        return {**named, **said, **job.beside}

    def _pinglink(self, _body: None) -> web.Response:
        headers = {"InterLink-Features": self.features} if self.features else {}
        return web.json_response(self.ping, headers=headers)

    async def _get_logs(self, request: web.Request) -> web.StreamResponse:
        self.calls["/getLogs"] += 1
        body = self.bodies["/getLogs"] = json.loads(await request.read())
        fault = self._fault("/getLogs")
        if fault is not None:
            return self._failed(request, fault)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for line in self.logs.get(body["ContainerName"], []):
                await response.write(line)
            if body["Opts"]["Follow"] and self.follow_gate is not None:
                await self.follow_gate.wait()
                await response.write(b"last line\n")
        except (asyncio.CancelledError, ConnectionError):
            self.logs_cancelled.set()
            raise
        await response.write_eof()
        return response

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        """Each job's state whenever it moved, whatever the caller saw before. A fault ends those that stand, too."""
        self.calls["/watch"] += 1
        fault = self._fault("/watch")
        if fault is not None:
            return self._failed(request, fault)
        response = web.StreamResponse()
        await response.prepare(request)
        shown = dict[str, float]()
        while True:
            moved = self._moved
            news = [job for job in self.jobs.values() if shown.get(job.uid) != job.moved]
            shown |= {job.uid: job.moved for job in news}
            lines = [json.dumps({"status": self._state(job)}) for job in news]
            await response.write("\n".join([*lines, json.dumps({"revision": f"fake.{time.time()}"}), ""]).encode())
            await moved.wait()
            if "/watch" in self.faults:
                return response

    async def _control(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            asked = await request.json()
            if asked.get("move") == "running":
                self.running()
            elif asked.get("move") == "ended":
                self.ended()
            self.latency = asked.get("latency", self.latency)
        jobs = [asdict(job) | {"request": None} for job in self.jobs.values()]
        answer = {"time": time.time(), "jobs": jobs, "deletes": self.deletes, "calls": self.calls}
        return web.json_response(answer)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4000)
    parser.add_argument("--no-features", action="store_true", help="be as interLink 0.6 is")
    args = parser.parse_args()
    server = FakeInterlink("" if args.no_features else ALL_FEATURES)
    web.run_app(server.app(), host=args.host, port=args.port, access_log=None, print=None, handler_cancellation=True)


if __name__ == "__main__":
    main()
