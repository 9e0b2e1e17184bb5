"""Events are written once each, whoever tells them how often, and whether or not we were restarted in between."""

import itertools
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from interlink.protocol.types import PodStatus, SiteEvent
from kubernetes_client.answer import ApiError
from virtual_kubelet.core.event_budget import BURST, SECONDS_EACH, EventBudget
from virtual_kubelet.core.site_events import RESTART_SECONDS, news, numbers
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.io.events import REPEAT_SECONDS, EventRecorder
from virtual_kubelet.model.known_pod import KnownPod, known

from tests.unit.vk.pods import Json, container, pod

NOW = 1_767_225_600.0


class Events:
    """The events of an API server: names are unique, a patch of nothing shows what is there."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self.calls: list[str] = []

    async def post(self, _path: str, body: Json) -> Json:
        name = body["metadata"]["name"]
        self.calls.append("POST")
        if name in self.items:
            raise ApiError(409, "it exists")
        self.items[name] = body
        return body

    async def patch(self, path: str, body: Json) -> Json:
        self.calls.append("PATCH")
        name = path.rpartition("/")[2]
        if name not in self.items:
            raise ApiError(404, "it expired")
        self.items[name] |= body
        return self.items[name]

    def all(self) -> list[tuple[str, int]]:
        return [(event["reason"], event["count"]) for event in self.items.values()]


class Life:
    """One virtual kubelet after the other at the same API server, with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.api = Events()
        self.now = NOW
        self.restart()

    def restart(self) -> None:
        api: Any = self.api
        self.recorder = EventRecorder(api, "node", lambda: self.now)

    async def write(self, entry: KnownPod, *more: Any, **when: Any) -> None:
        self.recorder.pod(entry, *more, **when)
        await self.recorder.drain(5)


@pytest.fixture
async def life() -> Life:
    return Life()


ENTRY = known(pod(), created_before_us=False)


async def test_what_happened_once_is_one_event_however_often_it_is_told(life: Life) -> None:
    for _ in range(3):
        await life.write(ENTRY, "Normal", "JobStarted", "on wn7", when=NOW - 60)
    ((event,),) = [list(life.api.items.values())]
    assert event["lastTimestamp"] == event["firstTimestamp"] == rfc3339(NOW - 60)
    assert (event["count"], life.api.calls) == (1, ["POST"])


async def test_a_restart_writes_nothing_twice(life: Life) -> None:
    await life.write(ENTRY, "Warning", "BackOff", "again", when=NOW - 60)
    life.restart()
    await life.write(ENTRY, "Warning", "BackOff", "again", when=NOW - 60)
    assert life.api.all() == [("BackOff", 1)]
    life.now += 120
    await life.write(ENTRY, "Warning", "BackOff", "again", when=NOW + 100)
    assert life.api.all() == [("BackOff", 2)]


async def test_what_happens_again_is_counted_at_most_once_a_minute(life: Life) -> None:
    for _ in range(5):
        life.now += 1
        await life.write(ENTRY, "Warning", "Unhealthy", "probe failed")
    assert life.api.all() == [("Unhealthy", 1)]
    life.now += REPEAT_SECONDS
    await life.write(ENTRY, "Warning", "Unhealthy", "probe failed")
    assert life.api.all() == [("Unhealthy", 6)]


async def test_an_event_that_expired_is_written_anew_with_its_count(life: Life) -> None:
    await life.write(ENTRY, "Warning", "Unhealthy", "probe failed")
    life.api.items.clear()
    life.now += 4000
    await life.write(ENTRY, "Warning", "Unhealthy", "probe failed")
    assert life.api.all() == [("Unhealthy", 2)]


async def test_other_words_another_container_and_another_pod_are_other_events(life: Life) -> None:
    other = known(pod(metadata={"uid": "5b0c4f6e-0000-4000-8000-000000000002"}), created_before_us=False)
    await life.write(ENTRY, "Normal", "Started", "it", part="spec.containers{a}")
    await life.write(ENTRY, "Normal", "Started", "it", part="spec.containers{b}")
    await life.write(ENTRY, "Normal", "Started", "other", part="spec.containers{a}")
    await life.write(other, "Normal", "Started", "it", part="spec.containers{a}")
    assert len(life.api.items) == 4
    paths = [event["involvedObject"].get("fieldPath") for event in life.api.items.values()]
    assert paths == ["spec.containers{a}", "spec.containers{b}", "spec.containers{a}", "spec.containers{a}"]


async def test_a_site_s_clock_that_runs_ahead_makes_no_event_of_tomorrow(life: Life) -> None:
    await life.write(ENTRY, "Normal", "Started", "it", when=NOW + 9999)
    (event,) = life.api.items.values()
    assert event["lastTimestamp"] == rfc3339(NOW)


async def test_a_pod_in_a_loop_does_not_flood_the_cluster(life: Life) -> None:
    for number in range(100):
        await life.write(ENTRY, "Warning", "Odd", f"message {number}")
    assert len(life.api.items) == BURST
    life.now += SECONDS_EACH
    await life.write(ENTRY, "Warning", "Odd", "a later one")
    assert len(life.api.items) == BURST + 1


def test_one_pod_s_budget_is_not_another_s() -> None:
    budget = EventBudget()
    assert [budget.take("a", NOW) for _ in range(30)].count(True) == BURST
    assert budget.take("b", NOW)


# which events of a status are news


def event(number: int, reason: str = "Unhealthy", container: str = "", age: float = 0) -> SiteEvent:
    return SiteEvent(number, rfc3339(NOW - age), "Warning", reason, "words", container)


def told(*events: SiteEvent) -> PodStatus:
    return PodStatus(UID="u", events=list(events))


NOBODY = array("q")


def test_an_event_is_news_once() -> None:
    first, second = told(event(1), event(17_000_000_000)), told(event(1), event(2), event(17_000_000_000))
    assert len(news(pod(), first, NOBODY, None)) == 2
    assert [n.reason for n in news(pod(), second, numbers(first), None)] == ["Unhealthy"]
    assert news(pod(), second, numbers(second), None) == []


def test_of_a_pod_that_was_inherited_only_what_is_young_is_news() -> None:
    status = told(event(1, "old", age=RESTART_SECONDS + 1), event(2, "young", age=RESTART_SECONDS - 1))
    assert [n.reason for n in news(pod(), status, NOBODY, NOW)] == ["young"]
    assert [n.reason for n in news(pod(), status, NOBODY, None)] == ["old", "young"]


def test_an_event_names_its_container_as_a_kubelet_does() -> None:
    thing = pod([container("a")], [container("i")])
    status = told(event(1, container="a"), event(2, container="i"), event(3), event(4, container="z"))
    parts = [n.part for n in news(thing, status, NOBODY, None)]
    assert parts == ["spec.containers{a}", "spec.initContainers{i}", "", ""]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda: PodStatus(UID="u"),
        lambda: told(SiteEvent(1, "yesterday", "Warning", "Odd", "m")),
        lambda: told(SiteEvent(1, rfc3339(NOW), "Warning", "", "m")),
        lambda: told(SiteEvent(2**70, rfc3339(NOW), "Warning", "Odd", "m")),
    ],
)
def test_what_makes_no_sense_is_no_event(spoilt: Callable[[], PodStatus]) -> None:
    assert news(pod(), spoilt(), NOBODY, None) == []
    numbers(spoilt())


def test_a_status_is_read_to_a_bound() -> None:
    many = told(*(event(n) for n in itertools.islice(itertools.count(1), 10_000)))
    assert len(news(pod(), many, NOBODY, None)) == len(numbers(many)) == 50
