"""What the server remembers of statuses: ends for long, never more than its bounds, and never less than an answer needs."""

from typing import Any

from interlink.protocol.types import PodStatus
from interlink.server.status_cache import StatusCache


def pod(uid: str, phase: str = "Running") -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "status": {"phase": phase}}


def status(uid: str, text: str = "") -> PodStatus:
    return PodStatus(UID=uid, containers=[{"name": "main", "state": {"terminated": {"message": text}}}])


def uids(statuses: list[PodStatus]) -> list[str]:
    return [one.UID for one in statuses]


def test_an_ended_pod_is_not_asked_for_again() -> None:
    cache = StatusCache()
    cache.answer([pod("a")], [status("a")])
    assert cache.stale([pod("a", "Succeeded"), pod("b", "Succeeded")]) == [pod("b", "Succeeded")]
    assert cache.stale([pod("a")]) == [pod("a")]


def test_an_answer_is_whole_even_if_it_is_more_than_is_kept() -> None:
    cache = StatusCache(capacity_bytes=2500)
    cache.answer([pod("ended")], [status("ended", "x" * 1000)])
    asked = [pod("ended", "Failed"), pod("a"), pod("b"), pod("c")]
    told = [status(uid, "y" * 1000) for uid in "abc"]
    assert uids(cache.answer(asked, told)) == ["ended", "a", "b", "c"]
    assert uids(cache.all()) == ["b", "c"]


def test_a_status_that_grows_pushes_out_the_oldest_and_one_that_shrinks_makes_room() -> None:
    cache = StatusCache(capacity_bytes=3000)
    pods = [pod("a"), pod("b")]
    cache.answer(pods, [status("a", "x" * 1000), status("b", "x" * 1000)])
    cache.answer(pods[1:], [status("b", "x" * 2500)])
    assert uids(cache.all()) == ["b"]
    cache.answer(pods, [status("b", "x"), status("a", "x" * 2000)])
    assert uids(cache.all()) == ["b", "a"]
    cache.drop("a")
    cache.drop("b")
    cache.answer(pods, [status("a", "x" * 1200), status("b", "x" * 1200)])
    assert uids(cache.all()) == ["a", "b"]


def test_a_deleted_pod_is_told_of_as_long_as_the_plugin_has_it_and_no_longer() -> None:
    cache = StatusCache()
    cache.answer([pod("a"), pod("b")], [status("a"), status("b")])
    cache.leave("a")
    assert uids(cache.answer([pod("a"), pod("b")], [status("a", "leaves"), status("b")])) == ["a", "b"]
    assert uids(cache.answer([pod("a"), pod("b")], [status("b")])) == ["b"]
    assert uids(cache.all()) == ["b"]


def test_the_number_is_bounded_and_others_statuses_are_dropped() -> None:
    cache = StatusCache(capacity=2)
    cache.answer([pod(uid) for uid in "abc"], [status(uid) for uid in "abcd"])
    assert uids(cache.all()) == ["b", "c"]
