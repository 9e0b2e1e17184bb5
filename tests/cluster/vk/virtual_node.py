"""A virtual kubelet under test, in this process, between a real API server and a site that the test plays."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from virtual_kubelet.app import serve
from virtual_kubelet.settings import Settings

from tests.fakes.interlink_server import FakeInterlink

Json = dict[str, Any]
DEADLINE = 30.0
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


async def eventually(what: Callable[[], Awaitable[Any]], seconds: float = DEADLINE) -> Any:
    """The first true value of `what`; it is asked until the deadline, and its last answer shown if it never was."""
    answer: Any = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not (answer := await what()):
                await asyncio.sleep(0.05)
            return answer
    raise AssertionError(f"not within {seconds} s; last: {answer!r}")


@dataclass
class VirtualNode:
    """One node with its site, and one namespace for its pods."""

    name: str
    namespace: str
    api: ApiServer
    site: FakeInterlink
    port: int
    kubeconfig: Path
    site_url: str
    metrics_port: int
    extra: Json = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self) -> Json:
        return {
            "NodeName": self.name,
            "Kubeconfig": str(self.kubeconfig),
            "KubeletURL": "127.0.0.1",
            "KubeletPort": self.port,
            "PodIP": "127.0.0.1",
            "InterlinkURL": self.site_url,
            "Namespaces": [self.namespace],
            "MetricsAddress": f"127.0.0.1:{self.metrics_port}",
            "StatusPoll": {"Min": 0.1, "Max": 0.5},
            "PingInterval": 1,
            "SweepInterval": 1,
            **self.extra,
        }

    async def start(self, **extra: Any) -> None:
        """Start and wait until the node is there and Ready."""
        self.extra |= extra
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(serve(Settings.model_validate(self.settings()), self._stop))
        await eventually(self._is_up)

    async def _is_up(self) -> bool:
        if self._task is not None and self._task.done():
            self._task.result()
        with contextlib.suppress(ApiError):
            return bool(self.condition(await self.node(), "Ready")["status"] == "True")
        return False

    async def stop(self) -> None:
        """As SIGTERM does."""
        self._stop.set()
        if self._task is not None:
            await self._task
        self._task = None

    async def kill(self) -> None:
        """As near to kill -9 as one process gets: everything is cancelled where it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def node(self) -> Json:
        return await self.api.get(f"/api/v1/nodes/{self.name}")

    async def until_leased(self) -> Json:
        """The node's lease, once there is one."""

        async def look() -> Json | None:
            with contextlib.suppress(ApiError):
                return await self.api.get(f"{LEASES}/{self.name}")
            return None

        found: Json = await eventually(look)
        return found

    @staticmethod
    def condition(thing: Json, kind: str) -> Json:
        found: Json = next(c for c in thing["status"]["conditions"] if c["type"] == kind)
        return found

    # pods

    async def create(self, name: str, containers: list[Json] | None = None, **spec: Any) -> Json:
        """A pod bound to the node."""
        made = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, **spec.pop("metadata", {})},
            "spec": {
                "nodeName": self.name,
                "restartPolicy": "Never",
                "containers": containers or [{"name": "main", "image": "busybox"}],
                **spec,
            },
        }
        return await self.api.post(self.pods, made)

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    async def pod(self, name: str) -> Json | None:
        try:
            return await self.api.get(f"{self.pods}/{name}")
        except ApiError as error:
            if error.absent:
                return None
            raise

    async def delete(self, name: str, grace: int | None = None) -> None:
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        await self.api.delete(f"{self.pods}/{name}", options | ({} if grace is None else {"gracePeriodSeconds": grace}))

    async def until(self, name: str, phase: str, seconds: float = DEADLINE) -> Json:
        """The pod, once it has this phase."""

        async def look() -> Json | None:
            pod = await self.pod(name)
            return pod if pod and pod.get("status", {}).get("phase") == phase else None

        found: Json = await eventually(look, seconds)
        return found

    async def until_gone(self, name: str) -> None:
        async def look() -> bool:
            return await self.pod(name) is None

        await eventually(look)

    async def submitted(self, name: str) -> Json:
        """The pod, once the site has it and the API server shows the job's id."""

        async def look() -> Json | None:
            pod = await self.pod(name)
            return pod if pod and "JobID" in pod["metadata"].get("annotations", {}) else None

        found: Json = await eventually(look)
        return found

    async def events(self, name: str) -> list[Json]:
        found = await self.api.get("/api/v1/events", fieldSelector=f"involvedObject.name={name}")
        items: list[Json] = found["items"]
        return items

    async def event(self, name: str, reason: str, saying: str = "") -> Json:
        """The first of the events about `name`, in no order, with this reason and these words in its message."""

        async def look() -> Json | None:
            events = await self.events(name)
            return next((e for e in events if e["reason"] == reason and saying in e["message"]), None)

        found: Json = await eventually(look)
        return found


@contextlib.asynccontextmanager
async def served(site: FakeInterlink, port: int = 0) -> AsyncIterator[str]:
    """The site's URL, while the context lasts."""
    runner = web.AppRunner(site.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", port)
        await listener.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def text(value: Any) -> str:
    return json.dumps(value)
