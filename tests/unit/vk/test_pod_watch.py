"""What the node's pods at the API server mean for the registry, and whom the work queue hears of."""

from collections.abc import AsyncIterator
from typing import Any

from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.pod_watch import PodWatch

from tests.unit.vk.pods import Json, pod


async def listed(*found: Json) -> AsyncIterator[Json]:
    for one in found:
        yield one


def named(uid: str) -> Json:
    return pod(metadata={"uid": uid, "name": f"pod-{uid}"})


async def test_nobody_hears_of_a_list_before_it_is_whole_and_then_also_of_what_it_doesnt_have() -> None:
    api: Any = None
    registry, heard = Registry(), list[str]()
    watch = PodWatch(api, "node", registry, heard.append)
    watch.seen(named("old"))
    heard.clear()

    async def half() -> AsyncIterator[Json]:
        yield named("a")
        assert not heard and not registry.complete
        yield named("b")

    await watch.take_list(half())
    assert heard == ["a", "b", "old"] and registry.complete
    assert [known.uid for known in registry if known.gone] == ["old"]


async def test_a_pod_that_nobody_knew_is_nobodys_loss() -> None:
    api: Any = None
    registry, heard = Registry(), list[str]()
    watch = PodWatch(api, "node", registry, heard.append)
    await watch.take_list(listed(named("a")))
    watch.gone(named("a"))
    watch.gone(named("never seen"))
    assert heard == ["a", "a"]
