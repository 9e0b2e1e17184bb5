"""A list, then a watch, that goes on where it broke as long as that is possible, and begins anew where it isn't."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from kubernetes_client.answer import JsonObject
from kubernetes_client.api import ApiServer
from kubernetes_client.watch import PAGE, WATCH_SECONDS, Watch

from tests.fakes.between import Between, in_turn

PATH = "/api/v1/pods"


class Names(Watch):
    """Keeps what was told."""

    def __init__(self, api: ApiServer) -> None:
        super().__init__(api, PATH, fieldSelector="spec.nodeName=n")
        self.told: list[Any] = []
        self.turns: list[int] = []
        self.others = 0

    async def take_list(self, found: AsyncIterator[JsonObject]) -> None:
        names = []
        async for pod in found:
            names.append(pod["metadata"]["name"])
            self.turns.append(self.others)
        self.told.append(names)

    def seen(self, found: JsonObject) -> None:
        self.told.append(("seen", found["metadata"]["name"]))

    def gone(self, found: JsonObject) -> None:
        self.told.append(("gone", found["metadata"]["name"]))


def page(*names: str, version: str = "5", follow: str | None = None) -> web.Response:
    metadata = {"resourceVersion": version} | ({"continue": follow} if follow else {})
    return web.json_response({"metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]})


def event(kind: str, version: str, name: str = "") -> str:
    return json.dumps({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}) + "\n"


def error(code: int) -> web.Response:
    return web.Response(text=json.dumps({"type": "ERROR", "object": {"code": code, "message": "sorry"}}) + "\n")


async def followed(api: ApiServer, until: Callable[[Names], bool]) -> Names:
    """A watch that ran until then."""
    watch = Names(api)
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while not until(watch):
            assert not running.done(), running.result()
            watch.others += 1
            await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return watch


def starts(there: Between) -> list[str]:
    """What each request began with: a resourceVersion to watch from, or a list."""
    return [url.query.get("resourceVersion", "list") for url in there.asked]


async def test_a_list_is_read_page_by_page_and_a_watch_goes_on_from_it(api: ApiServer, there: Between) -> None:
    there.answer = in_turn(page("a", "b", follow="more"), page("c", version="5"))
    watch = await followed(api, lambda _watch: len(there.asked) == 3)
    assert watch.told == [["a", "b", "c"]] and watch.synced.is_set()
    first, second, third = (dict(url.query) for url in there.asked)
    assert first == {"limit": str(PAGE), "fieldSelector": "spec.nodeName=n"}
    assert second == first | {"continue": "more"}
    assert WATCH_SECONDS / 2 <= int(third.pop("timeoutSeconds")) <= WATCH_SECONDS
    going_on = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "5"}
    assert third == going_on | {"fieldSelector": "spec.nodeName=n"}


async def test_what_happens_is_handed_on_and_a_bookmark_only_moves_on(api: ApiServer, there: Between) -> None:
    happened = event("ADDED", "6", "b") + event("MODIFIED", "7", "a") + event("DELETED", "8", "b")
    there.answer = in_turn(page("a"), web.Response(text=happened), web.Response(text=event("BOOKMARK", "90")))
    watch = await followed(api, lambda _watch: len(there.asked) == 4)
    assert watch.told == [["a"], ("seen", "b"), ("seen", "a"), ("gone", "b")]
    assert starts(there) == ["list", "5", "8", "90"]


@pytest.mark.parametrize(
    "broken",
    [
        *(lambda status=status: web.Response(status=status) for status in (429, 500, 503, 504)),
        lambda: web.Response(text="<html>\n"),
        lambda: web.Response(text=event("MODIFIED", "7", "a")[:-9]),
        lambda: error(500),
        web.Response,
    ],
    ids=["429", "500", "503", "504", "no JSON", "half a line", "an error of the server", "nothing"],
)
async def test_a_watch_that_breaks_goes_on_where_it_was(
    api: ApiServer, there: Between, broken: Callable[[], web.Response]
) -> None:
    there.answer = in_turn(page("a"), web.Response(text=event("ADDED", "6", "b")), broken())
    watch = await followed(api, lambda _watch: len(there.asked) == 4)
    assert starts(there) == ["list", "5", "6", "6"]
    assert watch.told == [["a"], ("seen", "b")], "an API server that is away ends nothing"


@pytest.mark.parametrize("status", [400, 401, 403, 410])
@pytest.mark.parametrize("told", ["status", "event"])
async def test_a_version_that_is_of_no_use_means_a_new_list(
    api: ApiServer, there: Between, status: int, told: str
) -> None:
    refused = error(status) if told == "event" else web.Response(status=status)
    there.answer = in_turn(page("a"), refused, page("b", version="20"))
    watch = await followed(api, lambda _watch: len(there.asked) == 4)
    assert starts(there) == ["list", "5", "list", "20"]
    assert watch.told == [["a"], ["b"]]


@pytest.mark.parametrize("status", [410, 503])
async def test_a_list_that_breaks_off_counts_for_nothing(api: ApiServer, there: Between, status: int) -> None:
    there.answer = in_turn(page("a", follow="more"), web.Response(status=status))
    watch = await followed(api, lambda _watch: len(there.asked) == 3)
    assert (watch.told, watch.synced.is_set()) == ([], False)
    assert [url.query.get("continue") for url in there.asked] == [None, "more", None]


async def test_others_get_their_turn_between_the_objects_of_a_list(api: ApiServer, there: Between) -> None:
    there.answer = in_turn(page(*(f"p{number}" for number in range(100))))
    watch = await followed(api, lambda watch: watch.synced.is_set())
    assert len(set(watch.turns)) == 100
