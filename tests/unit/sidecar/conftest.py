"""The whole sidecar, in this process, in front of a schedd in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.app.service import serve_with
from condor_sidecar.io.schedd import CallDeadlines, Schedd
from condor_sidecar.model.calls import ConnectionSettings, Failure, FailureKind
from condor_sidecar.settings import Settings
from service_runtime.settings import parse_settings

from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.plugin_client import PluginClient, pod, until
from tests.unit.sidecar.supervisor.jobs import kill_all

DOWN = Failure(FailureKind.UNREACHABLE, "SECMAN:2007:Failed to end classad message")


class Sidecar(PluginClient):
    """A running sidecar and a client of it. `crash()` ends it without any clean-up of its own; `start()` starts it again."""

    def __init__(self, folder: Path, schedd: FakeSchedd, settings: Settings) -> None:
        super().__init__(folder / "s.sock")
        self.schedd = schedd
        self.settings = settings
        self.folder = folder
        self.deadlines = CallDeadlines(query=5, submit=5, act=5, history=5, transfer=5)
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def start(self) -> None:
        self._stop = asyncio.Event()
        connection = ConnectionSettings("fake:9618", None, {})
        worker = Schedd(self.settings.instance, connection, self.deadlines, self.schedd.command)
        self._task = asyncio.create_task(serve_with(self.settings, self._stop, worker))
        await until(
            lambda: self.socket.exists() or (self._task is not None and self._task.done()), "the sidecar listens"
        )
        if self._task.done():
            self._task.result()
        self.connect()

    async def stop(self) -> None:
        """As on SIGTERM."""
        assert self._task is not None
        self._stop.set()
        await self.disconnect()
        await self._task

    async def crash(self) -> None:
        """As on SIGKILL, as far as one process can do that to itself: nothing is finished, nothing handed back."""
        assert self._task is not None
        await self.disconnect()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def submitted(self, uid: str, generation: int = 1) -> None:
        """Wait until the schedd has the pod's job, of this generation."""
        await until(
            lambda: [j for j in self.schedd.of(uid) if j.attributes["InterlinkGeneration"] == generation],
            f"job of pod {uid}, generation {generation}",
        )


async def created(sidecar: Sidecar) -> str:
    """The UID of a new pod that the sidecar has taken."""
    wanted = pod()
    assert (await sidecar.create(wanted))[0] == 200
    return str(wanted["metadata"]["uid"])


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


@pytest.fixture(autouse=True)
def no_job_outlives_its_test() -> Iterator[None]:
    yield
    kill_all()


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
