"""Events of what HTCondor does with a job: once each, with HTCondor's own words and times, also across a restart."""

import asyncio
import json
from typing import Any

import pytest
from condor_sidecar.core.pod_events import KEPT, counted, end_event, job_events, with_events
from condor_sidecar.core.pod_message import is_address
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.pod_view import Terminated
from condor_sidecar.model.result import SiteEvent

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import pod
from tests.unit.sidecar.conftest import Sidecar, created

NOW = 1_767_225_700


def ad(status: int, **more: Any) -> JobAd:
    return JobAd(**{"cluster": 7, "proc": 0, "uid": "u", "status": status, "queued": NOW, **more})


def told(before: JobAd | None, after: JobAd) -> list[tuple[str, str]]:
    return [(event.reason, event.message) for event in job_events(before, after)]


IDLE, RUNS = ad(1), ad(2, started=NOW + 5, host="slot1@wn7", entered_status=NOW + 5)
HELD = ad(5, hold_code=13, hold_reason="no room on disk", entered_status=NOW + 9)
SUBMITTED = ("JobSubmitted", "HTCondor job 7.0 was submitted")
STARTED = ("JobStarted", "HTCondor job 7.0 started on slot1@wn7")
HOLD = ("JobHeld", "HTCondor held job 7.0 (code 13): no room on disk")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, IDLE, [SUBMITTED]),
        (IDLE, RUNS, [SUBMITTED, STARTED]),
        (IDLE, HELD, [SUBMITTED, HOLD]),
        (None, ad(5, hold_code=16, entered_status=NOW), [SUBMITTED]),
        (
            HELD,
            ad(1, entered_status=NOW + 20),
            [SUBMITTED, ("JobReleased", "HTCondor job 7.0 was released and may run")],
        ),
        (
            HELD,
            ad(4, started=NOW + 20, host="slot1@wn7", entered_status=NOW + 30),
            [SUBMITTED, STARTED, ("JobReleased", "HTCondor job 7.0 was released and may run")],
        ),
        (HELD, ad(3, entered_status=NOW + 30), [SUBMITTED]),
        (ad(5, hold_code=16), ad(1, entered_status=NOW + 20), [SUBMITTED]),
        (
            RUNS,
            ad(7, entered_status=NOW + 30),
            [SUBMITTED, ("JobSuspended", "HTCondor job 7.0 was suspended on its worker node")],
        ),
    ],
)
def test_what_an_ad_tells(before: JobAd | None, after: JobAd, expected: list[tuple[str, str]]) -> None:
    assert told(before, after) == expected


def test_where_a_job_started_is_known_when_it_runs_no_more() -> None:
    assert STARTED in told(None, ad(4, started=NOW + 5, last_host="slot1@wn7"))


def test_the_same_fact_has_the_same_number_whoever_reads_it() -> None:
    first, again = job_events(IDLE, RUNS), job_events(None, RUNS)
    assert [event.number for event in first] == [event.number for event in again]
    kept = with_events({}, first)
    assert with_events(kept, again) is kept


@pytest.mark.parametrize(
    ("reason", "expected"), [("Evicted", "Evicted"), ("JobLost", "JobLost"), ("ContainerStatusUnknown", "OutputLost")]
)
def test_the_end_of_a_job_is_told_by_its_reason(reason: str, expected: str) -> None:
    (event,) = end_event(Terminated(137, reason, "words", finished=float(NOW)))
    assert (event.kind, event.reason, event.message) == ("Warning", expected, "words")
    assert end_event(None) == []


def test_of_each_source_the_latest_events_are_kept() -> None:
    supervisors = [SiteEvent(n, "t", "Normal", "BackOff", str(n)) for n in range(1, 100)]
    kept = with_events(with_events({}, job_events(None, RUNS)), supervisors)
    assert [number for number in kept if number < 100] == list(range(100 - KEPT, 100))
    assert len(kept) == KEPT + 2
    # what the record still holds and was dropped here is not told again
    assert with_events(kept, supervisors) is kept


def test_a_supervisor_s_number_is_a_count() -> None:
    """Else a record could push HTCondor's own events out."""
    odd = [SiteEvent(n, "t", "Normal", "r", "m") for n in (-1, 0, 1, NOW * 10)]
    assert [event.number for event in counted(odd)] == [1]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("192.0.2.7", True), ("2001:db8::7", True), ("127.0.0.1", False), ("169.254.1.1", False), ("wn7", False)],
)
def test_only_an_address_that_others_can_reach_is_one(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


# in the whole sidecar


async def reasons(sidecar: Sidecar, uid: str) -> list[str]:
    status = await sidecar.status(uid)
    return [event["reason"] for event in (status or {}).get("events", ())]


async def test_a_life_is_told_and_told_alike_after_a_restart(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    schedd.hold(uid, 1, "via condor_hold (by user alice)")
    await sidecar.wait_for(uid, "waiting", reason="JobHeld")
    before = await sidecar.status(uid)
    assert before is not None
    assert await reasons(sidecar, uid) == ["JobSubmitted", "JobHeld"]
    assert "via condor_hold (by user alice)" in before["events"][1]["message"]
    await sidecar.crash()
    await sidecar.start()
    await sidecar.wait_for(uid, "waiting", reason="JobHeld")
    after = await sidecar.status(uid)
    assert after is not None and after["events"] == before["events"]


async def test_an_eviction_is_a_disruption_and_stays_one_across_a_restart(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    job.enter(1)
    await sidecar.wait_for(uid, "terminated", reason="Evicted")
    before = await sidecar.status(uid)
    assert before is not None and "lost its worker node" in before["disruption"]
    assert (await reasons(sidecar, uid))[-1] == "Evicted"
    await sidecar.crash()
    await sidecar.start()
    after = await sidecar.status(uid)
    assert after is not None and after["disruption"] == before["disruption"]
    assert after["events"] == before["events"][-1:]


async def test_an_ordinary_end_is_no_disruption(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    schedd.run(uid)
    schedd.complete(uid, 1, {"out.tar": out_tar({"c": 1})})
    await sidecar.wait_for(uid, "terminated")
    status = await sidecar.status(uid)
    assert status is not None and "disruption" not in status
    assert "OutputLost" not in await reasons(sidecar, uid)


async def test_a_lost_output_is_told(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    schedd.run(uid)
    schedd.complete(uid, 1, {"out.tar": b"no tar at all"})
    await sidecar.wait_for(uid, "terminated")
    assert (await reasons(sidecar, uid))[-1] == "OutputLost"


async def test_a_watch_tells_of_an_event_that_changes_no_container(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    async with asyncio.timeout(20), sidecar.request("GET", "/watch?node=vk-test") as response:
        schedd.hold(uid, 1, "by hand")
        async for line in response.content:
            status = json.loads(line).get("status") or {}
            if any(event["reason"] == "JobHeld" for event in status.get("events", ())):
                break
