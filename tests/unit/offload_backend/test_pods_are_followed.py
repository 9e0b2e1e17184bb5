"""The gateway's pods by name: a list says what is gone, but not of a pod that is younger than the list."""

from collections.abc import AsyncIterator
from typing import Any

from kubernetes_client.answer import JsonObject
from offload_backend.io.pod_watch import PodWatch


def pod(name: str, version: str = "1") -> JsonObject:
    return {"metadata": {"name": name, "resourceVersion": version}}


def said(found: JsonObject | None) -> str | None:
    return None if found is None else f"{found['metadata']['name']}{found['metadata']['resourceVersion']}"


class Followed:
    def __init__(self) -> None:
        api: Any = None
        self.heard: list[tuple[str | None, str | None]] = []
        self.lists = 0
        self.watch = PodWatch(api, "place", "instance", self._changed, self._listed)

    def _changed(self, before: JsonObject | None, after: JsonObject | None) -> None:
        self.heard.append((said(before), said(after)))

    def _listed(self) -> None:
        self.lists += 1

    async def list(self, *found: JsonObject, made: JsonObject | None = None) -> None:
        """A list; `made` is a pod that is made while it is read."""

        async def read() -> AsyncIterator[JsonObject]:
            for one in found:
                yield one
            if made is not None:
                self.watch.note(made)

        await self.watch.take_list(read())


async def test_a_list_tells_of_what_is_new_has_changed_or_is_gone() -> None:
    followed = Followed()
    await followed.list(pod("a"), pod("b"), pod("c"))
    assert followed.heard == [(None, "a1"), (None, "b1"), (None, "c1")]
    followed.heard.clear()
    await followed.list(pod("a"), pod("b", "2"))
    assert followed.heard == [("b1", "b2"), ("c1", None)]
    assert (followed.watch.get("c"), followed.lists) == (None, 2)


async def test_a_pod_that_was_made_while_the_list_was_read_is_not_gone() -> None:
    followed = Followed()
    await followed.list(pod("a"), made=pod("young"))
    assert [one["metadata"]["name"] for one in followed.watch.every()] == ["a", "young"]
    assert followed.heard == [(None, "a1")]
    followed.heard.clear()
    await followed.list(pod("a"))
    assert followed.heard == [("young1", None)], "but a later list has it, or it is no more"
