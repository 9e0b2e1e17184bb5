"""The whole sidecar, in this process, in front of a schedd in memory."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from condor_sidecar.app.service import serve_with
from condor_sidecar.io.schedd import CallDeadlines, Schedd
from condor_sidecar.model.calls import ConnectionSettings
from condor_sidecar.settings import Settings
from service_runtime.settings import parse_settings

from tests.fakes.condor_schedd import FakeSchedd

DEADLINE = 15.0


def pod(uid: str | None = None, **spec: Any) -> dict[str, Any]:
    """A pod as the API server sends it: one container `c`, unless `spec` says otherwise."""
    uid = uid or str(uuid.uuid4())
    containers = [{"name": "c", "image": "busybox:1", "command": ["true"], "resources": {}}]
    return {
        "metadata": {"name": f"pod-{uid[:8]}", "namespace": "default", "uid": uid},
        "spec": {"containers": containers, "restartPolicy": "Never", **spec},
        "status": {"phase": "Pending"},
    }


async def until(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """Wait until `condition()` is true, and give its value."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            while not (value := condition()):
                await asyncio.sleep(0.02)
            return value
    raise AssertionError(f"waited {deadline} s in vain for: {what}")


class Sidecar:
    """A running sidecar and a client of it. `crash()` ends it without any clean-up of its own; `start()` starts it again."""

    def __init__(self, folder: Path, schedd: FakeSchedd, settings: Settings) -> None:
        self.schedd = schedd
        self.settings = settings
        self.folder = folder
        self.deadlines = CallDeadlines(query=5, submit=5, act=5, history=5, transfer=5)
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._stop = asyncio.Event()
        connection = ConnectionSettings("fake:9618", None, {})
        worker = Schedd(self.settings.instance, connection, self.deadlines, self.schedd.command)
        self._task = asyncio.create_task(serve_with(self.settings, self._stop, worker))
        socket = self.folder / "s.sock"
        await until(lambda: socket.exists() or (self._task is not None and self._task.done()), "the sidecar listens")
        if self._task.done():
            self._task.result()
        self._http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)))

    async def stop(self) -> None:
        """As on SIGTERM."""
        assert self._task is not None
        assert self._http is not None
        self._stop.set()
        await self._http.close()
        await self._task

    async def crash(self) -> None:
        """As on SIGKILL, as far as one process can do that to itself: nothing is finished, nothing handed back."""
        assert self._task is not None
        assert self._http is not None
        await self._http.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

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

    async def create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        containers = [*wanted["spec"].get("initContainers", ()), *wanted["spec"]["containers"]]
        message = {"pod": wanted, "container": [{"name": c["name"]} for c in containers], "jobConfig": {}}
        return await self.call("POST", "/create", message)

    async def status(self, uid: str) -> dict[str, Any] | None:
        code, found = await self.call("GET", "/status", [{"metadata": {"uid": uid}}])
        assert code == 200, found
        assert len(found) <= 1
        return found[0] if found else None

    async def states(self, uid: str) -> dict[str, dict[str, Any]]:
        """The state of each container, by its name."""
        status = await self.status(uid)
        assert status is not None
        return {c["name"]: c["state"] for c in (*status["initContainers"], *status["containers"])}

    async def wait_for(self, uid: str, state: str, container: str = "c", reason: str | None = None) -> dict[str, Any]:
        """Wait until a container is in a state (with a reason), and give the state."""
        seen: Any = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while True:
                    seen = (await self.states(uid))[container]
                    if state in seen and (reason is None or seen[state].get("reason") == reason):
                        found: dict[str, Any] = seen[state]
                        return found
                    await asyncio.sleep(0.02)
        raise AssertionError(f"{container} never was {state} {reason or ''}; it is {seen}")

    async def logs(self, uid: str, container: str = "c", **options: Any) -> str:
        code, text = await self.call("GET", "/getLogs", log_request(uid, container, **options))
        assert code == 200, text
        return str(text)

    async def submitted(self, uid: str, generation: int = 1) -> None:
        """Wait until the schedd has the pod's job, of this generation."""
        await until(
            lambda: [j for j in self.schedd.of(uid) if j.attributes["InterlinkGeneration"] == generation],
            f"job of pod {uid}, generation {generation}",
        )


def log_request(uid: str, container: str = "c", **options: Any) -> dict[str, Any]:
    return {"Namespace": "default", "PodUID": uid, "PodName": "p", "ContainerName": container, "Opts": options}


def settings_in(folder: Path, **changes: Any) -> Settings:
    tree: dict[str, Any] = {
        "instance": "vk-test",
        "listen": f"unix://{folder}/s.sock",
        "data": str(folder / "data"),
        "metrics": "127.0.0.1:0",
        "endpoint": {
            "collector": "fake:9618",
            "auth": {"methods": ["IDTOKENS"], "token_directory": str(folder)},
        },
        "poll": {"busy": 0.1, "live": 0.1, "idle": 0.2},
        "hold": {"staging": 1, "grace": 1},
        "output": {"live_seconds": 0.1},
    }
    for key, value in changes.items():
        tree[key] = {**tree[key], **value} if isinstance(tree.get(key), dict) else value
    return parse_settings(Settings, tree, "test")


@pytest.fixture
async def schedd(tmp_path: Path) -> AsyncIterator[FakeSchedd]:
    async with FakeSchedd(tmp_path) as fake:
        yield fake


@pytest.fixture
async def sidecar(tmp_path: Path, schedd: FakeSchedd) -> AsyncIterator[Sidecar]:
    running = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    await running.start()
    yield running
    await running.stop()
