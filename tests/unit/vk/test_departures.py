"""The object of a deleted pod goes when its containers have ended, not before, and after a bounded time in any case."""

from typing import Any

import pytest
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow
from interlink.protocol.types import PodStatus
from virtual_kubelet.control.departure import MARGIN_SECONDS
from virtual_kubelet.control.pod_controller import Hands, PodController
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import UID, Json, container, pod

RUNS: Json = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
GRACE = 10


def report(state: Json) -> PodStatus:
    return PodStatus(UID=UID, JID="il-1", containers=[{"name": "a", "state": state}])


class Around:
    """API server, site and events of one node."""

    batches, idempotent, heard = True, True, True

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.told: PodStatus | InterlinkError | None = report(RUNS)
        self.asked = self.deleted = 0
        self.removed: list[Json] = []
        self.events: list[str] = []

    async def status(self, _pods: Any) -> list[PodStatus]:
        self.asked += 1
        if isinstance(self.told, InterlinkError):
            raise self.told
        return [self.told] if self.told is not None else []

    async def delete(self, *what: Any) -> None:
        if len(what) == 1:
            self.deleted += 1
        else:
            self.removed.append(self.known.pod()["status"])

    @property
    def known(self) -> KnownPod:
        found = self.registry.get(UID)
        assert found is not None
        return found

    def pod(self, _pod: KnownPod, _kind: str, reason: str, _message: str, **_more: Any) -> None:
        self.events.append(reason)

    async def write(self, _known: KnownPod, shown: Json, wanted: Json) -> None:
        version = str(int(shown["metadata"]["resourceVersion"]) + 1)
        self.registry.seen(shown | {"status": wanted, "metadata": shown["metadata"] | {"resourceVersion": version}})


class World:
    """A pod that was deleted while it ran, if `state` doesn't say otherwise."""

    def __init__(self, state: Json = RUNS, **metadata: Any) -> None:
        self.now = 100.0
        registry = Registry()
        self.around = Around(registry)
        hands: Any = self.around
        self.controller = PodController(
            registry, Hands(hands, hands, hands, hands, hands), lambda: None, "10.0.0.9", lambda: self.now
        )
        meta = {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": GRACE, **metadata}
        shown = {"name": "a", "state": state, "restartCount": 0}
        status = {"phase": "Running", "containerStatuses": [shown]}
        registry.seen(pod([container("a")], metadata=meta, status=status))
        self.around.known.stage = Stage.SUBMITTED

    async def goes_on(self, seconds: float = 1.0) -> float | None:
        """What the work queue does."""
        self.now += seconds
        return await self.controller._handle(UID)

    @property
    def is_there(self) -> bool:
        return not self.around.removed


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (143, "Failed")])
async def test_the_object_of_a_running_pod_goes_with_its_end(code: int, phase: str) -> None:
    world = World()
    for _ in range(5):
        assert await world.goes_on() is not None
        assert world.is_there
    assert world.around.deleted == 1
    world.around.told = report({"terminated": {"exitCode": code}})
    assert await world.goes_on() is None
    (last,) = world.around.removed
    assert last["phase"] == phase, "whoever holds it by a finalizer sees what it made of its grace period"
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


async def test_what_the_site_has_forgotten_has_ended() -> None:
    world = World()
    await world.goes_on()
    world.around.told = None
    assert await world.goes_on() is None
    assert not world.is_there


@pytest.mark.parametrize("told", [NotNow("away"), LostTrack("broken"), report(RUNS)])
async def test_the_wait_has_a_bound(told: Any) -> None:
    world = World()
    world.around.told = told
    wait: float | None = 0.0
    while wait is not None:
        assert world.now < 1000
        wait = await world.goes_on(wait)
    assert not world.is_there
    assert GRACE + MARGIN_SECONDS <= world.now - 100 < GRACE + MARGIN_SECONDS + 10
    assert world.around.asked < 40, "it is asked less and less"
    assert world.around.events == ["Killing", "ExceededGracePeriod"]


async def test_a_pod_of_which_nothing_runs_is_not_waited_for() -> None:
    world = World({"waiting": {"reason": "Pending"}})
    assert await world.goes_on() is None
    assert (world.around.asked, world.is_there) == (0, False)


async def test_a_site_that_does_not_answer_by_uid_is_not_asked() -> None:
    world = World()
    world.around.batches = False
    assert await world.goes_on() is None
    assert (world.around.asked, world.is_there) == (0, False)


async def test_a_forced_delete_waits_for_nothing() -> None:
    world = World()
    await world.goes_on()
    world.around.registry.vanished(UID)
    assert await world.goes_on() is None
    assert world.around.registry.get(UID) is None
    assert world.around.deleted == 1
