"""A job that never started and never will gets a successor, which runs, whatever becomes of the first one's removal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from condor_sidecar.app import missing
from condor_sidecar.model.job_ad import NOT_STAGED

from tests.fakes.condor_jobs import HELD, IDLE, REMOVED
from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import until
from tests.unit.sidecar.conftest import DOWN, Sidecar, created, settings_in


@pytest.fixture
async def sidecar(tmp_path: Path, schedd: FakeSchedd) -> AsyncIterator[Sidecar]:
    running = Sidecar(tmp_path, schedd, settings_in(tmp_path, endpoint={"mode": "ce"}, hold={"staging": 5, "grace": 1}))
    await running.start()
    yield running
    await running.stop()


async def held_by_its_router(sidecar: Sidecar) -> str:
    """The UID of a pod whose job is held where no release reaches it."""
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.hold(uid, 12, "Transfer output files failure", HoldCopiedFromTargetJob=True)
    return uid


async def runs_to_its_end(sidecar: Sidecar, uid: str) -> None:
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0


async def test_the_successor_stays_while_the_removed_job_is_still_in_the_queue(sidecar: Sidecar) -> None:
    schedd = sidecar.schedd
    schedd.keeps_removed = True
    uid = await held_by_its_router(sidecar)
    schedd.auto_stage = False
    schedd.fail("Submit", "slow")
    await sidecar.submitted(uid, 2)
    first, second = schedd.of(uid)
    queries = schedd.log.count("Poll")
    await until(lambda: schedd.log.count("Poll") > queries + 15, "queries during the submission and after it")
    assert second.attributes["JobStatus"] == HELD
    await sidecar.wait_for(uid, "waiting", reason="Staging")
    second.enter(IDLE, HoldReasonCode=None)
    await sidecar.wait_for(uid, "waiting", reason="Pending")
    schedd.let_go()
    assert first not in schedd.of(uid)
    await runs_to_its_end(sidecar, uid)


@pytest.mark.parametrize("fault", ["die", "die-after"], ids=["not removed", "removed, answer lost"])
@pytest.mark.parametrize("keeps", [False, True], ids=["gone at once", "still in the queue"])
async def test_a_removal_with_unknown_outcome_ends_in_a_successor(sidecar: Sidecar, fault: str, keeps: bool) -> None:
    schedd = sidecar.schedd
    schedd.keeps_removed = keeps
    schedd.fail("Act", fault)
    uid = await held_by_its_router(sidecar)
    await until(lambda: any(job.attributes["JobStatus"] == IDLE for job in schedd.of(uid)), "a successor")
    schedd.let_go()
    (job,) = schedd.of(uid)
    assert job.attributes["InterlinkGeneration"] > 1
    await runs_to_its_end(sidecar, uid)


async def test_a_sidecar_that_dies_during_the_removal_makes_the_successor_later(sidecar: Sidecar) -> None:
    sidecar.schedd.fail("Act", "hang")
    uid = await held_by_its_router(sidecar)
    await until(lambda: "Act" in sidecar.schedd.log, "the removal")
    await sidecar.crash()
    await sidecar.start()
    await until(lambda: [job.attributes["JobStatus"] for job in sidecar.schedd.of(uid)] == [IDLE], "a successor")
    await runs_to_its_end(sidecar, uid)


async def test_a_job_that_started_before_its_removal_has_no_successor(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "ASK_AGAIN_SECONDS", 0.1)
    schedd = sidecar.schedd
    schedd.fail("Act", "die-after")
    schedd.fail("History", DOWN, DOWN, DOWN)
    uid = await held_by_its_router(sidecar)
    await until(lambda: schedd.history, "the removal")
    schedd.history[0].attributes.update(NumJobStarts=1)
    state = await sidecar.wait_for(uid, "terminated")
    assert (state["exitCode"], state["reason"]) == (143, "JobRemoved")
    assert not schedd.of(uid)


@pytest.mark.parametrize("keeps", [False, True], ids=["gone at once", "still in the queue"])
async def test_a_job_that_the_schedd_removed_for_want_of_its_input_has_a_successor(
    sidecar: Sidecar, keeps: bool
) -> None:
    """As it does when the sidecar dies in the middle of sending it."""
    schedd = sidecar.schedd
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    if keeps:
        (job,) = schedd.of(uid)
        job.enter(REMOVED, RemoveReason=NOT_STAGED)
    else:
        schedd.drop(uid, NOT_STAGED)
    await until(lambda: [job.attributes["JobStatus"] for job in schedd.of(uid)][-1:] == [IDLE], "a successor")
    schedd.let_go()
    await runs_to_its_end(sidecar, uid)


async def test_a_job_that_somebody_removed_has_none(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.drop(uid, "via condor_rm (by user root)")
    assert (await sidecar.wait_for(uid, "terminated"))["reason"] == "JobRemoved"
