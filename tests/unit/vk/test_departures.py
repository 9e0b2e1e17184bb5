"""The object of a deleted pod goes when its containers have ended, not before, and after a bounded time in any case."""

from typing import Any

import pytest
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow
from interlink.protocol.types import PodStatus
from virtual_kubelet.control.departure import MARGIN_SECONDS
from virtual_kubelet.control.pod_controller import Hands, PodController
from virtual_kubelet.control.work_queue import PutOff
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
        self.asked = 0
        self.deletes: list[int] = []
        self.refuses: InterlinkError | None = None
        self.removed: list[Json] = []
        self.events: list[str] = []

    async def status(self, _pods: Any) -> list[PodStatus]:
        self.asked += 1
        if isinstance(self.told, InterlinkError):
            raise self.told
        return [self.told] if self.told is not None else []

    async def delete(self, *what: Any) -> None:
        if len(what) == 1:
            self.deletes.append(what[0]["metadata"]["deletionGracePeriodSeconds"])
            if self.refuses is not None:
                raise self.refuses
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
        metadata = shown["metadata"] | {"resourceVersion": self.after(shown)}
        self.registry.seen(shown | {"status": wanted, "metadata": metadata})

    def after(self, shown: Json) -> str:
        return str(int(shown["metadata"]["resourceVersion"]) + 1)


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

    def grants(self, seconds: int) -> None:
        """The pod is deleted once more, with this grace period."""
        shown = self.around.known.pod()
        shown["metadata"] |= {"deletionGracePeriodSeconds": seconds, "resourceVersion": self.around.after(shown)}
        self.around.registry.seen(shown)

    @property
    def is_there(self) -> bool:
        return not self.around.removed


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (143, "Failed")])
async def test_the_object_of_a_running_pod_goes_with_its_end(code: int, phase: str) -> None:
    world = World()
    for _ in range(5):
        assert await world.goes_on() is not None
        assert world.is_there
    assert world.around.deletes == [GRACE]
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


@pytest.mark.parametrize(("granted", "expected"), [(2, [GRACE, 2]), (GRACE, [GRACE]), (60, [GRACE])])
async def test_a_shorter_grace_period_reaches_the_site_once(granted: int, expected: list[int]) -> None:
    world = World()
    await world.goes_on()
    world.grants(granted)
    for _ in range(3):
        assert await world.goes_on() is not None
    assert world.around.deletes == expected
    assert world.around.events == ["Killing"]


async def test_the_bound_is_that_of_the_shorter_grace_period() -> None:
    world = World(deletionGracePeriodSeconds=600)
    await world.goes_on()
    world.grants(2)
    wait: float | None = 0.0
    while wait is not None:
        assert world.now < 300
        wait = await world.goes_on(wait)
    assert not world.is_there


async def test_a_shorter_grace_period_that_the_site_does_not_take_is_told_again() -> None:
    world = World()
    await world.goes_on()
    world.grants(2)
    world.around.refuses = NotNow("away")
    with pytest.raises(PutOff):
        await world.goes_on()
    world.around.refuses = None
    await world.goes_on()
    assert world.around.deletes == [GRACE, 2, 2]


@pytest.mark.parametrize(("granted", "expected"), [(0, [GRACE, 0]), (2, [GRACE, 2, 0]), (GRACE, [GRACE, 0])])
async def test_a_pod_taken_away_before_its_end_has_no_grace_period_left(granted: int, expected: list[int]) -> None:
    world = World()
    await world.goes_on()
    world.grants(granted)
    await world.goes_on()
    world.around.registry.vanished(UID)
    assert await world.goes_on() is None
    assert world.around.registry.get(UID) is None
    assert world.around.deletes == expected


async def test_a_pod_taken_away_after_its_end_is_not_deleted_again() -> None:
    world = World(finalizers=["example.org/looks"])
    await world.goes_on()
    world.around.told = report({"terminated": {"exitCode": 0}})
    await world.goes_on()
    world.grants(0)
    await world.goes_on()
    world.around.registry.vanished(UID)
    await world.goes_on()
    assert world.around.deletes == [GRACE]


@pytest.mark.parametrize("answers", [True, False])
async def test_what_was_forced_at_once_is_deleted_once(answers: bool) -> None:
    world = World(deletionGracePeriodSeconds=0)
    if answers:
        await world.goes_on()
    world.around.registry.vanished(UID)
    assert await world.goes_on() is None
    assert world.around.registry.get(UID) is None
    assert world.around.deletes == [0]
