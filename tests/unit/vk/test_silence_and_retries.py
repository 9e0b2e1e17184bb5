"""A site that says nothing of a pod, or doesn't know it any more: its owner is told, and the pod is handed over again."""

from typing import Any

from interlink.protocol.errors import LostTrack
from interlink.protocol.types import CreateReply
from virtual_kubelet.control.handover import Handover
from virtual_kubelet.control.hearing import SILENCE_SECONDS, Hearing
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.next_step import Step, next_step
from virtual_kubelet.core.object_store import ObjectStore
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import UID, pod


class Around:
    """Site, queue, API server and events at once."""

    idempotent = True

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.queued: list[str] = []
        self.fails = True

    async def create(self, _request: Any) -> CreateReply:
        if self.fails:
            raise LostTrack("the connection broke")
        return CreateReply(UID, "il-1")

    async def fetch(self, _pod: Any, _needed: Any, _tokens: Any) -> ObjectStore:
        return ObjectStore("ns", {})

    def add(self, uid: str) -> None:
        self.queued.append(uid)

    def add_after(self, uid: str, _seconds: float) -> None:
        self.queued.append(uid)

    def pod(self, _pod: KnownPod, _kind: str, reason: str, message: str) -> None:
        self.events.append((reason, message))


class World:
    def __init__(self) -> None:
        self.around, registry, self.now = Around(), Registry(), 1000.0
        registry.listed([])
        registry.seen(pod())
        found = registry.get(UID)
        assert found is not None
        self.known = found
        around: Any = self.around
        self.hearing = Hearing(around, around, around, lambda: self.now)
        self.handover = Handover(
            remote=around,
            reader=around,
            writer=around,
            events=around,
            translation=Translation(),
            node=lambda: NodeFacts("node", "10.0.0.9"),
        )


async def test_a_pod_that_the_site_does_not_know_after_all_is_handed_over_again() -> None:
    world = World()
    for _ in range(2):
        await world.handover.create(world.known)
        assert next_step(world.known) is Step.ASK
        assert world.hearing.absent(world.known)
        assert next_step(world.known) is Step.CREATE
    assert world.around.queued == [UID, UID]
    world.around.fails = False
    await world.handover.create(world.known)
    assert world.known.stage is Stage.SUBMITTED
    told = [message for reason, message in world.around.events if reason == "ProviderRetry"]
    assert [message.partition("attempt ")[2] for message in told] == ["2)", "3)"]


def test_a_long_silence_is_told_and_changes_nothing() -> None:
    world = World()
    world.known.stage = Stage.SUBMITTED
    for _ in range(3):
        for _ in range(int(SILENCE_SECONDS)):
            assert not world.hearing.absent(world.known)
            world.now += 1
        assert not world.hearing.absent(world.known)
    assert [reason for reason, _ in world.around.events] == ["ProviderSilent"] * 3
    assert world.known.stage is Stage.SUBMITTED
