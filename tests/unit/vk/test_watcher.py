"""A watch makes changes known at once; without one, or when it breaks, polls do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from interlink.protocol.errors import LostTrack
from interlink.protocol.types import PodStatus
from interlink.protocol.watch import Change
from virtual_kubelet.control.hearing import Hearing
from virtual_kubelet.control.watcher import RETRY, Watcher
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import pod

RUNNING: dict[str, Any] = {"name": "c", "state": {"running": {}}}


class Site:
    """The other side: a watch of the changes that a test puts in; `None` breaks it."""

    watches = True
    idempotent = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.changes: asyncio.Queue[Change | None] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def watch(self, since: str) -> AsyncIterator[AsyncIterator[Change]]:
        self.asked.append(since)
        yield self._lines()

    async def _lines(self) -> AsyncIterator[Change]:
        while (change := await self.changes.get()) is not None:
            yield change
        raise LostTrack("cut")


class World:
    """A watcher with a pod that it may hear of."""

    def __init__(self) -> None:
        self.site, self.registry, self.queued, self.lost = Site(), Registry(), list[str](), 0
        self.registry.seen(pod(metadata={"uid": "u"}))
        self.hearing = Hearing(self.site, self, None)  # type: ignore[arg-type]
        self.watcher = Watcher(self.registry, self.site, self.hearing, self._lose)  # type: ignore[arg-type]

    @property
    def pod(self) -> KnownPod:
        found = self.registry.get("u")
        assert found is not None
        return found

    def add(self, uid: str) -> None:
        """The work queue."""
        self.queued.append(uid)

    def _lose(self) -> None:
        self.lost += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("virtual_kubelet.control.watcher.RETRY", type(RETRY)(0.01, 0.02))
    made = World()
    running = asyncio.create_task(made.watcher.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def said(uid: str = "u") -> Change:
    return Change(status=PodStatus(name="p", UID=uid, namespace="n", JID="j", containers=[RUNNING]))


async def test_a_change_reaches_the_work_queue_once(world: World) -> None:
    world.pod.stage = Stage.SUBMITTED
    for change in (said(), said(), said("someone else's"), Change(revision="r.1")):
        world.site.changes.put_nowait(change)
    await world.until(lambda: world.watcher.live)
    assert world.queued == ["u"]


async def test_what_is_said_while_a_pod_is_handed_over_is_kept(world: World) -> None:
    world.pod.stage, world.pod.creating = Stage.UNSURE, True
    world.site.changes.put_nowait(said())
    await world.until(lambda: world.pod.report is not None)
    assert world.pod.stage is Stage.UNSURE
    assert world.queued == []


async def test_a_broken_watch_goes_on_from_its_revision_and_polls_take_over_meanwhile(world: World) -> None:
    for change in (Change(revision="r.1"), Change(revision="r.2"), None, Change(revision="r.3")):
        world.site.changes.put_nowait(change)
    await world.until(lambda: len(world.site.asked) == 2 and world.watcher.live)
    assert world.site.asked == ["", "r.2"]
    assert world.lost == 1
