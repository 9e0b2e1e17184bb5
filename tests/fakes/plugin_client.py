"""A caller of an interLink plugin, as the API server is one: over its unix socket, with what tests wait for."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import aiohttp


def pod(uid: str | None = None, **spec: Any) -> dict[str, Any]:
    """A pod as the API server sends it: one container `c`, unless `spec` says otherwise."""
    uid = uid or str(uuid.uuid4())
    containers = [{"name": "c", "image": "busybox:1", "command": ["true"], "resources": {}}]
    return {
        "metadata": {"name": f"pod-{uid[:8]}", "namespace": "default", "uid": uid},
        "spec": {"containers": containers, "restartPolicy": "Never", **spec},
        "status": {"phase": "Pending"},
    }


def log_request(uid: str, container: str = "c", **options: Any) -> dict[str, Any]:
    """The wire's LogStruct."""
    return {"Namespace": "default", "PodUID": uid, "PodName": "p", "ContainerName": container, "Opts": options}


async def until(condition: Callable[[], Any], what: str, deadline: float = 15.0) -> Any:
    """Wait until `condition()` is true, and give its value."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            while not (value := condition()):
                await asyncio.sleep(0.02)
            return value
    raise AssertionError(f"waited {deadline} s in vain for: {what}")


class PluginClient:
    """Calls to the plugin behind `socket`; `connect` and `disconnect` belong around them."""

    deadline: ClassVar[float] = 15.0

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._http: aiohttp.ClientSession | None = None

    def connect(self) -> None:
        self._http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket), limit=64))

    async def disconnect(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    @contextlib.asynccontextmanager
    async def request(self, method: str, path: str, body: Any = None) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._http is not None
        data = body if isinstance(body, bytes) else None
        async with self._http.request(
            method, f"http://sidecar{path}", data=data, json=None if data is not None else body
        ) as response:
            yield response

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body (JSON if it is)."""
        async with self.request(method, path, body) as response:
            if response.content_type == "application/json":
                return response.status, await response.json()
            return response.status, await response.text()

    async def create(self, wanted: dict[str, Any], **delivered: list[dict[str, Any]]) -> tuple[int, Any]:
        """Create a pod; `delivered` has what every container gets besides (configMaps, secrets, projectedvolumemaps)."""
        containers = [*wanted["spec"].get("initContainers", ()), *wanted["spec"]["containers"]]
        message = {"pod": wanted, "container": [{"name": c["name"], **delivered} for c in containers], "jobConfig": {}}
        return await self.call("POST", "/create", message)

    async def status(self, uid: str) -> dict[str, Any] | None:
        code, found = await self.call("GET", "/status", [{"metadata": {"uid": uid}}])
        assert code == 200, found
        assert len(found) <= 1
        return found[0] if found else None

    async def states(self, uid: str) -> dict[str, dict[str, Any]]:
        """The state of each container, by its name; nothing while the plugin can't tell."""
        status = await self.status(uid)
        if status is None:
            return {}
        return {c["name"]: c["state"] for c in (*status["initContainers"], *status["containers"])}

    async def wait_for(self, uid: str, state: str, container: str = "c", reason: str | None = None) -> dict[str, Any]:
        """Wait until a container is in a state (with a reason), and give the state."""
        seen: Any = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.deadline):
                while True:
                    seen = (await self.states(uid)).get(container, {})
                    if state in seen and (reason is None or seen[state].get("reason") == reason):
                        found: dict[str, Any] = seen[state]
                        return found
                    await asyncio.sleep(0.02)
        raise AssertionError(f"{container} never was {state} {reason or ''}; it is {seen}")

    async def logs(self, uid: str, container: str = "c", **options: Any) -> str:
        code, text = await self.call("GET", "/getLogs", log_request(uid, container, **options))
        assert code == 200, text
        return str(text)
