"""What others can make grow has a bound: the journal, waiting calls, jobs that nobody wants."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from condor_sidecar.app import pods
from condor_sidecar.io.journal import Journal
from condor_sidecar.io.worker import Worker
from condor_sidecar.model.calls import Act, Action, ConnectionSettings, Failure, FailureKind, History
from condor_sidecar.model.job_ad import JobAd

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.conftest import DOWN, Sidecar, created, settings_in


async def test_creates_are_refused_only_when_the_journal_is_full(tmp_path: Path, schedd: FakeSchedd) -> None:
    settings = settings_in(
        tmp_path,
        endpoint={
            "collector": "fake:9618",
            "auth": {"methods": ["IDTOKENS"], "token_directory": str(tmp_path)},
            "limits": {"journal_pods": 2},
        },
    )
    sidecar = Sidecar(tmp_path, schedd, settings)
    schedd.down = DOWN
    await sidecar.start()
    first = [await created(sidecar) for _ in range(2)]
    async with sidecar.request("POST", "/create", {"pod": pod(), "container": [{"name": "c"}]}) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    schedd.down = None
    for uid in first:
        await sidecar.submitted(uid)
        schedd.run(uid)
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    await created(sidecar)
    await sidecar.stop()


async def test_the_payloads_of_creates_under_way_count_as_well(tmp_path: Path, schedd: FakeSchedd) -> None:
    schedd.down = DOWN
    limit = 60_000
    endpoint = {
        "collector": "fake:9618",
        "auth": {"methods": ["IDTOKENS"], "token_directory": str(tmp_path)},
        "limits": {"journal_bytes": limit},
    }
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path, endpoint=endpoint))
    await sidecar.start()
    answers = await asyncio.gather(*(sidecar.create(pod()) for _ in range(40)))
    assert {code for code, _ in answers} == {200, 503}
    await sidecar.stop()
    with contextlib.closing(sqlite3.connect(sidecar.settings.data / "journal.sqlite")) as journal:
        (kept,) = journal.execute("select sum(length(payload)) from payloads").fetchone()
    assert 0 < kept <= limit


async def test_any_number_of_strays_is_removed_and_few_are_remembered(
    tmp_path: Path, schedd: FakeSchedd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "MOST_STRAYS", 3)
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    await sidecar.start()
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    (job,) = schedd.of(uid)
    schedd.fail("Act", DOWN, DOWN)
    for number in range(10):
        nameless = type(job)({**job.attributes, "ClusterId": 100 + number}, job.folder, job.payload)
        nameless.attributes |= {"InterlinkPodUID": "nobody", "InterlinkContainers": ""}
        schedd.jobs[nameless.job_id] = nameless
    await until(lambda: not schedd.of("nobody"), "the strays are removed")
    assert schedd.of(uid) == [job]
    await sidecar.stop()


async def test_strays_that_nothing_removes_do_not_pile_up(tmp_path: Path) -> None:
    table = pods.PodTable(Journal(tmp_path / "journal"))
    found = [JobAd(cluster=number, proc=0, uid="nobody", status=1) for number in range(3 * pods.MOST_STRAYS)]
    await table.take_ads(found, (), complete=False)
    assert len(table.strays) == pods.MOST_STRAYS
    assert table.more_strays
    await table.take_ads((), [ad.job_id for ad in found], complete=False)
    assert not table.strays
    await table.take_ads(found[:2], (), complete=True)
    assert table.strays == {"0.0", "1.0"}
    await table.take_ads(found[1:2], (), complete=True)
    assert table.strays == {"1.0"}
    await table.take_ads([JobAd(cluster=7, proc=0, uid="nobody", status=3)], (), complete=True)
    assert not table.strays, "a job that is being removed needs no further removal"


async def test_a_call_whose_turn_does_not_come_is_given_up_unasked(tmp_path: Path, schedd: FakeSchedd) -> None:
    worker = Worker("act", ConnectionSettings("fake:9618", None, {}), schedd.command)
    schedd.fail("History", "hang")
    try:
        first = asyncio.create_task(worker.call(History("true", 1), 10))
        await until(lambda: "History" in schedd.log, "the first call")
        reply = await worker.call(Act(Action.REMOVE, "true", "why"), 0.1)
        assert isinstance(reply, Failure)
        assert reply.kind is FailureKind.BUSY, reply
        assert "Act" not in schedd.log
    finally:
        first.cancel()
        await worker.close()


async def test_a_stray_job_of_a_deleted_pod_is_removed(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    (job,) = sidecar.schedd.of(uid)
    await sidecar.call("POST", "/delete", {"metadata": {"uid": uid}})
    async with asyncio.timeout(10):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.02)
    late = type(job)({**job.attributes, "ClusterId": 99}, job.folder, job.payload)
    late.enter(1)
    sidecar.schedd.jobs[late.job_id] = late
    await until(lambda: not sidecar.schedd.of(uid), "the stray is removed")
    assert await sidecar.status(uid) is None


async def test_an_unreachable_schedd_is_not_asked_for_each_output_by_itself(sidecar: Sidecar) -> None:
    uids = [await created(sidecar) for _ in range(3)]
    for uid in uids:
        await sidecar.submitted(uid)
        sidecar.schedd.run(uid)
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")

    async def put_off(uid: str) -> None:
        while "SECMAN:2007" not in (await sidecar.wait_for(uid, "waiting")).get("message", ""):
            await asyncio.sleep(0.02)

    sidecar.schedd.fail("Retrieve", DOWN)
    for uid in uids:  # at once, so that one query shows them all
        sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    async with asyncio.timeout(15):
        await asyncio.gather(*map(put_off, uids))
    for uid in uids:
        assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
