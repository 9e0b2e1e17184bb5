"""Images and resources of a running pod can be changed in the cluster, not in its job: its owner is told, once."""

from typing import Any

import pytest
from virtual_kubelet.control.pod_controller import Hands, PodController
from virtual_kubelet.core.in_place import made_of
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import UID, Json, container, pod

SMALL, LARGE = {"requests": {"cpu": "1"}}, {"requests": {"cpu": "2"}}


class Around:
    """What a controller acts with, as far as it shows pods."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.events: list[tuple[str, str]] = []

    def pod(self, _pod: KnownPod, _kind: str, reason: str, message: str) -> None:
        self.events.append((reason, message))

    async def write(self, _known: KnownPod, pod: Json, wanted: Json) -> None:
        version = str(int(pod["metadata"]["resourceVersion"]) + 1)
        self.registry.seen(pod | {"status": wanted, "metadata": pod["metadata"] | {"resourceVersion": version}})


class World:
    """One pod that was handed over, or that was there before us."""

    def __init__(self, thing: Json, inherited: bool = False) -> None:
        self.registry = Registry()
        self.around = Around(self.registry)
        hands: Any = self.around
        self.controller = PodController(
            self.registry, Hands(hands, hands, hands, hands, hands), lambda: None, "10.0.0.9"
        )
        self.registry.seen(thing)
        found = self.registry.get(UID)
        assert found is not None
        self.known = found
        self.known.stage, self.known.made = Stage.SUBMITTED, None if inherited else made_of(thing)

    async def show(self, **changes: Any) -> Json | None:
        """Change the container, and give the condition of a resize after the pod was shown twice."""
        thing = self.known.pod()
        thing["spec"]["containers"][0] |= changes
        thing["metadata"]["resourceVersion"] = str(int(thing["metadata"]["resourceVersion"]) + 1)
        self.registry.seen(thing)
        for _ in range(2):
            await self.controller._show(self.known)
        conditions = self.known.pod()["status"]["conditions"]
        return next((each for each in conditions if each["type"] == "PodResizePending"), None)


@pytest.mark.parametrize("inherited", [True, False])
async def test_another_image_is_told_once(inherited: bool) -> None:
    world = World(pod([container("a"), container("b")]), inherited)
    await world.show()
    assert world.around.events == []
    assert await world.show(image="other") is None
    ((reason, message),) = world.around.events
    assert reason == "ImageNotChanged" and 'container "a"' in message
    await world.show(image="image-a")
    assert len(world.around.events) == 1
    await world.show(image="third")
    assert len(world.around.events) == 2


@pytest.mark.parametrize("inherited", [True, False])
async def test_a_resize_is_infeasible_until_it_is_taken_back(inherited: bool) -> None:
    world = World(pod([container("a", resources=SMALL)]), inherited)
    assert await world.show() is None
    condition = await world.show(resources=LARGE)
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("True", "Infeasible")
    ((reason, message),) = world.around.events
    assert reason == "ResizeInfeasible" and message == condition["message"]
    assert await world.show(resources=SMALL) is None
    assert len(world.around.events) == 1


async def test_a_resize_that_an_earlier_life_refused_stays_refused() -> None:
    """Nobody knows any more what the job was made with."""
    pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
    world = World(pod([container("a", resources=LARGE)], status={"conditions": [pending]}), inherited=True)
    assert await world.show() is not None
    assert world.around.events == []


async def test_a_pod_s_own_resources_count_too() -> None:
    thing = pod([container("a")])
    world = World(thing)
    changed = world.known.pod()
    changed["spec"]["resources"] = LARGE
    changed["metadata"]["resourceVersion"] = "9"
    world.registry.seen(changed)
    assert await world.show() is not None
    assert "the pod keeps" in world.around.events[0][1]
