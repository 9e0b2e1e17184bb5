"""What the node's pods at the API server mean for the registry, and whom the work queue hears of."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.pod_watch import PodWatch

from tests.unit.vk.pods import UID, Json, container, pod


async def listed(*found: Json) -> AsyncIterator[Json]:
    for one in found:
        yield one


def named(uid: str) -> Json:
    return pod(metadata={"uid": uid, "name": f"pod-{uid}"})


class Watched:
    """A watch whose pods are known, and what it says of them from here on."""

    def __init__(self, *known: Json) -> None:
        api: Any = None
        self.registry, self.changed, self.same = Registry(), list[str](), list[str]()
        self.watch = PodWatch(api, "node", self.registry, self.changed.append, self.same.append)
        for each in known:
            self.watch.seen(each)
        self.changed.clear()


async def test_nobody_hears_of_a_list_before_it_is_whole_and_then_also_of_what_it_doesnt_have() -> None:
    watched = Watched(named("old"))
    registry, heard = watched.registry, watched.changed

    async def half() -> AsyncIterator[Json]:
        yield named("a")
        assert not heard and not registry.complete
        yield named("b")

    await watched.watch.take_list(half())
    assert heard == ["a", "b", "old"] and registry.complete
    assert [known.uid for known in registry if known.gone] == ["old"]


async def test_a_pod_that_nobody_knew_is_nobodys_loss() -> None:
    watched = Watched()
    await watched.watch.take_list(listed(named("a")))
    watched.watch.gone(named("a"))
    watched.watch.gone(named("never seen"))
    assert watched.changed == ["a", "a"]


WAITING = {"phase": "Pending", "reason": "ProviderNotReady"}


def next_version(**more: Any) -> Json:
    """The pod as a later version shows it."""
    metadata = {"resourceVersion": "6", **more.pop("metadata", {})}
    return pod(metadata=metadata, **more)


CHANGES: list[tuple[Json, bool]] = [
    (next_version(status=WAITING), False),
    (next_version(metadata={"managedFields": [{"manager": "somebody"}]}), False),
    (next_version(metadata={"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}), True),
    (next_version(metadata={"annotations": {"a": "b"}}), True),
    (next_version(activeDeadlineSeconds=60), True),
    (next_version(ephemeralContainers=[container("debugger")]), True),
]


@pytest.mark.parametrize("by_list", [False, True])
@pytest.mark.parametrize(("shown", "news"), CHANGES)
async def test_a_pod_of_which_only_the_status_moved_has_not_changed(shown: Json, news: bool, by_list: bool) -> None:
    watched = Watched(pod())
    if by_list:
        await watched.watch.take_list(listed(shown))
    else:
        watched.watch.seen(shown)
    assert (watched.changed, watched.same) == (([UID], []) if news else ([], [UID]))


async def test_what_an_answer_showed_before_the_watch_is_news_all_the_same() -> None:
    """Nobody hears of answers, so the watch must tell what else they brought."""
    watched = Watched(pod())
    deleted = next_version(status=WAITING, metadata={"deletionTimestamp": "2026-01-01T00:00:30Z"})
    watched.registry.seen(deleted)
    watched.watch.seen(deleted)
    assert watched.changed == [UID]
