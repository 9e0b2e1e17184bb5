"""The small decisions: next step, polling, sweeping, connectivity, log queries, patches, the registry."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.errors import LostTrack, NotNow
from interlink.protocol.types import PodStatus
from virtual_kubelet.core.connectivity import CONNECTED, Connectivity, after_failure, is_expired
from virtual_kubelet.core.log_query import LogQueryError, log_query
from virtual_kubelet.core.next_step import Step, let_go, may_create_again, next_step
from virtual_kubelet.core.patch import status_patch
from virtual_kubelet.core.polling import Cadence, batches, is_polled, is_told
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.sweep import LIMIT_PER_PASS, Suspects, suspects, to_sweep
from virtual_kubelet.model.known_pod import Absence, Departing, KnownPod, Stage, known

from tests.unit.vk.pods import UID, Json, pod


def entry(stage: Stage, **more: Any) -> KnownPod:
    made = known(pod(), created_before_us=False)
    made.stage = stage
    for key, value in more.items():
        setattr(made, key, value)
    return made


STEPS = [
    (Stage.FRESH, {}, Step.CREATE),
    (Stage.UNSURE, {}, Step.ASK),
    (Stage.SUBMITTED, {}, Step.SHOW),
    (Stage.REFUSED, {}, Step.FAIL),
    (Stage.SUBMITTED, {"phase": "Succeeded"}, Step.NOTHING),
    (Stage.FRESH, {"deleting": True}, Step.REMOVE_OBJECT),
    (Stage.FRESH, {"deleting": True, "offered": True}, Step.DELETE_JOB),
    (Stage.FRESH, {"deleting": True, "offered": True, "delete_taken": 30}, Step.REMOVE_OBJECT),
    (Stage.FRESH, {"gone": True, "offered": True}, Step.DELETE_JOB),
    (Stage.REFUSED, {"deleting": True}, Step.REMOVE_OBJECT),
    (Stage.REFUSED, {"deleting": True, "offered": True}, Step.DELETE_JOB),
    (Stage.UNSURE, {"deleting": True}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"deleting": True}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"deleting": True, "phase": "Failed"}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"deleting": True, "delete_taken": 30}, Step.REMOVE_OBJECT),
    (Stage.SUBMITTED, {"deleting": True, "delete_taken": 30, "removed": True}, Step.NOTHING),
    (Stage.SUBMITTED, {"deleting": True, "delete_taken": 30, "departing": Departing(0.0)}, Step.SEE_OFF),
    (
        Stage.SUBMITTED,
        {"deleting": True, "delete_taken": 30, "departing": Departing(0.0), "phase": "Failed"},
        Step.REMOVE_OBJECT,
    ),
    (Stage.SUBMITTED, {"deleting": True, "grace": 5, "delete_taken": 30, "departing": Departing(0.0)}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"deleting": True, "grace": 5, "delete_taken": 5, "departing": Departing(0.0)}, Step.SEE_OFF),
    (Stage.SUBMITTED, {"deleting": True, "grace": 0, "delete_taken": 30}, Step.REMOVE_OBJECT),
    (Stage.SUBMITTED, {"gone": True, "delete_taken": 30, "departing": Departing(0.0)}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"gone": True, "delete_taken": 0, "departing": Departing(0.0)}, Step.FORGET),
    (Stage.SUBMITTED, {"gone": True}, Step.DELETE_JOB),
    (Stage.SUBMITTED, {"gone": True, "delete_taken": 30}, Step.FORGET),
    (Stage.FRESH, {"gone": True}, Step.FORGET),
]


@pytest.mark.parametrize(("stage", "more", "expected"), STEPS)
def test_the_next_step(stage: Stage, more: Json, expected: Step) -> None:
    assert next_step(entry(stage, **more)) is expected


@pytest.mark.parametrize(
    ("count", "age", "idempotent", "expected"),
    [(1, 0, True, True), (0, 0, True, False), (1, 60, False, False), (2, 5, False, False), (2, 11, False, True)],
)
def test_when_a_pod_may_be_handed_over_again(count: int, age: float, idempotent: bool, expected: bool) -> None:
    assert may_create_again(Absence(count, 100.0), 100.0 + age, idempotent) is expected


def test_a_pod_with_a_job_is_never_let_go() -> None:
    assert let_go(entry(Stage.UNSURE, delete_failures=10), idempotent=False)
    assert not let_go(entry(Stage.UNSURE, delete_failures=99), idempotent=True)
    assert not let_go(entry(Stage.UNSURE, delete_failures=9), idempotent=False)


def test_a_pod_that_nobody_took_needs_a_few_deletes_and_no_more() -> None:
    assert let_go(entry(Stage.FRESH, offered=True, delete_failures=4), idempotent=True)
    assert not let_go(entry(Stage.FRESH, offered=True, delete_failures=3), idempotent=True)
    assert not let_go(entry(Stage.SUBMITTED, delete_failures=99, job_id="j"), idempotent=False)


@pytest.mark.parametrize(
    ("annotation", "before_us", "expected"),
    [("j", True, Stage.SUBMITTED), ("j", False, Stage.SUBMITTED), ("", True, Stage.UNSURE), ("", False, Stage.FRESH)],
)
def test_what_a_first_sight_tells(annotation: str, before_us: bool, expected: Stage) -> None:
    thing = pod(metadata={"annotations": {"JobID": annotation}} if annotation else {})
    assert known(thing, before_us).stage is expected


# polling


def test_polls_are_rare_at_rest_and_never_take_all_the_time() -> None:
    cadence = Cadence(1.0, 10.0)
    assert cadence.next_wait(8.0, True, 0.0) == 1.0
    assert 1.0 < cadence.next_wait(1.0, False, 0.0) < 10.0
    assert cadence.next_wait(9.9, False, 0.0) == 10.0
    assert cadence.next_wait(1.0, True, 1.5) == 6.0
    assert cadence.next_wait(1.0, True, 99.0) == 10.0


def test_who_is_polled() -> None:
    assert is_polled(entry(Stage.SUBMITTED)) and is_polled(entry(Stage.UNSURE))
    assert not is_polled(entry(Stage.FRESH))
    for flag in ({"phase": "Succeeded"}, {"gone": True}, {"deleting": True}, {"creating": True}):
        assert not is_polled(entry(Stage.SUBMITTED, **flag))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (PodStatus(UID="u", JID="1"), True),
        (PodStatus(UID="u", containers=[{"name": "a", "state": {"waiting": {"reason": "Queued"}}}]), True),
        (PodStatus(UID="u", containers=[{"name": "a", "state": {}}]), False),
        (PodStatus(UID="u", containers=[{"name": "a"}], initContainers=[{"name": "i", "state": None}]), False),
        (PodStatus(UID="u"), False),
    ],
)
def test_an_answer_without_content_is_no_sign_of_a_job(status: PodStatus, expected: bool) -> None:
    assert is_told(status) is expected


@given(st.lists(st.integers()), st.integers(1, 7))
def test_batches_lose_nothing(items: list[int], size: int) -> None:
    made = list(batches(items, size))
    assert [i for batch in made for i in batch] == items
    assert all(0 < len(batch) <= size for batch in made)


# sweeping


def listed(*uids: str) -> list[PodStatus]:
    return [PodStatus(UID=uid) for uid in uids]


def test_a_job_goes_after_two_lists_minutes_apart() -> None:
    known_uids = {"mine"}
    first = suspects(Suspects(), listed("mine", "lost"), known_uids.__contains__, 0.0)
    assert to_sweep(first, 0.0, 100.0) == []
    second = suspects(first, listed("mine", "lost", "new"), known_uids.__contains__, 100.0)
    assert to_sweep(second, 100.0, 100.0) == ["lost"]


def test_a_job_that_left_the_list_or_found_its_pod_starts_anew() -> None:
    first = suspects(Suspects(), listed("a", "b"), lambda _uid: False, 0.0)
    second = suspects(first, listed("a"), lambda _uid: False, 50.0)
    third = suspects(second, listed("a", "b"), lambda uid: uid == "a", 100.0)
    assert third.since == {"b": 100.0}


def test_only_a_few_jobs_go_at_once() -> None:
    many = [f"u{i}" for i in range(50)]
    found = suspects(Suspects(), listed(*many), lambda _uid: False, 0.0)
    assert len(to_sweep(found, 100.0, 1.0)) == LIMIT_PER_PASS


# connectivity


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (jwt(exp=99), True),
        (jwt(exp=101), False),
        (jwt(), False),
        ("opaque", False),
        ("a.b.c", False),
        (jwt(exp="x"), False),
    ],
)
def test_whether_a_token_says_that_it_expired(token: str, expected: bool) -> None:
    assert is_expired(token, 100.0) is expected


@pytest.mark.parametrize(
    ("error", "expired", "reason"),
    [
        (NotNow("no", http_status=401), True, "TokenExpired"),
        (NotNow("no", http_status=401), False, "Unauthorized"),
        (NotNow("no", http_status=403), False, "Forbidden"),
    ],
)
def test_a_refusal_is_believed_at_once(error: NotNow, expired: bool, reason: str) -> None:
    found = after_failure(CONNECTED, error, expired)
    assert (found.connected, found.reason) == (False, reason)


def test_an_outage_is_believed_at_the_second_failure() -> None:
    first = after_failure(CONNECTED, LostTrack("the schedd is away"), False)
    assert (first.connected, first.reason) == (True, CONNECTED.reason)
    second = after_failure(first, LostTrack("the schedd is away"), False)
    assert (second.connected, second.reason) == (False, "Unreachable")
    assert "the schedd is away" in second.message
    assert after_failure(Connectivity(), LostTrack("x"), False).connected is None


# log queries


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {}),
        ({"tailLines": "5", "follow": "true", "timestamps": "1"}, {"Tail": 5, "Follow": True, "Timestamps": True}),
        ({"limitBytes": "9"}, {"Bytes": 9}),
        ({"tailLines": "5", "limitBytes": "9"}, {"Tail": 5, "Bytes": 0}),
        (
            {"sinceTime": "2026-01-01T00:00:00Z", "previous": "true"},
            {"SinceTime": "2026-01-01T00:00:00Z", "Previous": True},
        ),
        ({"tailLines": "0", "follow": "true", "sinceSeconds": "9"}, {"Tail": 0, "SinceTime": "NOW", "SinceSeconds": 0}),
    ],
)
def test_log_options(query: dict[str, str], expected: Json) -> None:
    options = log_query(query, "NOW").options
    assert {key: getattr(options, key) for key in expected} == expected


@pytest.mark.parametrize(
    "query",
    [
        {"tailLines": "-1"},
        {"tailLines": "x"},
        {"limitBytes": "0"},
        {"sinceSeconds": "0"},
        {"sinceTime": "yesterday"},
        {"sinceTime": "2026-01-01T00:00:00Z", "sinceSeconds": "1"},
        {"follow": "perhaps"},
    ],
)
def test_log_queries_that_make_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(LogQueryError):
        log_query(query, "NOW")


# patches: applied as the API server does, they make one status of the other

CONDITIONS = st.lists(
    st.builds(lambda t, s: {"type": t, "status": s}, st.sampled_from("abc"), st.sampled_from(["True", "False"])),
    unique_by=lambda c: c["type"],
)
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["Pending", "Running"]),
        "reason": st.text(max_size=3),
        "conditions": CONDITIONS,
        "containerStatuses": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from("xy"), "n": st.integers(0, 2)}), max_size=2
        ),
        "capacity": st.dictionaries(st.sampled_from("pq"), st.sampled_from("12")),
    },
)


def applied(old: Json, patch: Json) -> Json:
    """A strategic merge, as far as statuses need it."""
    new = dict(old)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        elif key == "conditions":
            entries = {c["type"]: c for c in old.get(key, [])}
            for one in value:
                if one.get("$patch") == "delete":
                    entries.pop(one["type"])
                else:
                    merged = {**entries.get(one["type"], {}), **one}
                    entries[one["type"]] = {k: v for k, v in merged.items() if v is not None}
            new[key] = list(entries.values())
        elif isinstance(value, dict):
            new[key] = applied(old.get(key, {}), value)
        else:
            new[key] = value
    return new


def comparable(status: Json) -> Json:
    return {k: sorted(v, key=lambda c: c["type"]) if k == "conditions" else v for k, v in status.items()}


@given(STATUSES, STATUSES)
def test_a_patch_makes_one_status_of_the_other(old: Json, new: Json) -> None:
    assert comparable(applied(old, status_patch(old, new))) == comparable(new)


@given(STATUSES)
def test_no_change_is_no_patch(status: Json) -> None:
    assert status_patch(status, dict(status)) == {}


# the registry


def test_an_older_object_never_replaces_a_newer_one() -> None:
    registry = Registry()
    registry.seen(pod(metadata={"resourceVersion": "10"}, status={"phase": "Running"}))
    registry.seen(pod(metadata={"resourceVersion": "9"}))
    found = registry.get(UID)
    assert found is not None and found.phase == "Running"
    registry.seen(pod(metadata={"resourceVersion": "11"}, status={"phase": "Failed"}))
    assert found.phase == "Failed"


def test_what_a_list_lacks_has_vanished() -> None:
    registry = Registry()
    registry.seen(pod(metadata={"uid": "a", "name": "a"}))
    registry.seen(pod(metadata={"uid": "b", "name": "b"}))
    assert registry.listed(["a"]) == ["b"]
    found = registry.get("b")
    assert found is not None and found.gone
    assert registry.named("ns", "b") is None and registry.named("ns", "a") is not None


def test_a_name_belongs_to_the_pod_that_has_it_now() -> None:
    registry = Registry()
    registry.seen(pod(metadata={"uid": "old"}))
    registry.seen(pod(metadata={"uid": "new"}))
    registry.vanished("old")
    found = registry.named("ns", "p")
    assert found is not None and found.uid == "new"
    registry.forget("old")
    assert registry.get("old") is None and registry.named("ns", "p") is found


def test_pods_seen_after_the_first_list_are_new() -> None:
    registry = Registry()
    registry.seen(pod(metadata={"uid": "a"}))
    registry.listed(["a"])
    registry.seen(pod(metadata={"uid": "b"}))
    assert [e.stage for e in registry] == [Stage.UNSURE, Stage.FRESH]


def test_managed_fields_are_not_kept() -> None:
    registry = Registry()
    registry.seen(pod(metadata={"managedFields": [{"manager": "x" * 100}]}))
    found = registry.get(UID)
    assert found is not None and b"managedFields" not in found.text
