"""Calls that fail, hang or break in the middle, and the death of the sidecar at every point: no pod is lost, none runs twice."""

import asyncio
from pathlib import Path

import pytest
from condor_sidecar.app import missing
from condor_sidecar.io.journal import Journal, JournalError
from condor_sidecar.model.calls import Failure, FailureKind
from condor_sidecar.model.pod_view import PodView

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.conftest import DOWN, Sidecar, created, settings_in


async def test_schedd_down_at_create_delays_the_pod_and_nothing_else(sidecar: Sidecar) -> None:
    sidecar.schedd.down = DOWN
    uid = await created(sidecar)
    await until(lambda: "Submit" in sidecar.schedd.log, "a try")
    state = await sidecar.wait_for(uid, "waiting", reason="Queued")
    async with asyncio.timeout(5):
        while "SECMAN:2007" not in (await sidecar.wait_for(uid, "waiting")).get("message", ""):
            await asyncio.sleep(0.02)
    assert state["reason"] == "Queued"
    _, ping = await sidecar.call("GET", "/status", [])
    assert "SECMAN:2007" in ping["status"]
    sidecar.schedd.down = None
    await sidecar.submitted(uid)
    assert len(sidecar.schedd.of(uid)) == 1


@pytest.mark.parametrize(
    ("fault", "generation"),
    [("die", 2), ("die-after", 1), ("die-before-spool", 2)],
    ids=["nothing arrived", "all arrived, answer lost", "committed, input not delivered"],
)
@pytest.mark.parametrize("crash", [False, True], ids=["worker dies", "sidecar dies"])
async def test_a_submission_with_unknown_outcome_ends_in_one_job(
    sidecar: Sidecar, fault: str, generation: int, crash: bool
) -> None:
    sidecar.schedd.fail("Submit", fault)
    uid = await created(sidecar)
    await until(lambda: "Submit" in sidecar.schedd.log, "the submission")
    if crash:
        await sidecar.crash()
        await sidecar.start()
    await sidecar.submitted(uid, generation)
    await until(lambda: len(sidecar.schedd.of(uid)) == 1, "one job")
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0


async def test_a_submission_that_hangs_is_given_up_and_resolved(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    sidecar.deadlines = type(sidecar.deadlines)(query=5, submit=0.5, act=5, history=5, transfer=5)
    schedd.fail("Submit", "hang")
    await sidecar.start()
    uid = await created(sidecar)
    await sidecar.submitted(uid, 2)
    await sidecar.stop()


async def test_a_pod_that_was_journaled_and_not_answered_is_submitted_once(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    schedd.down = DOWN
    await sidecar.start()
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.crash()
    schedd.down = None
    await sidecar.start()
    assert await sidecar.create(wanted) == (200, {"PodUID": uid, "PodJID": f"il-{uid}"})
    await until(lambda: schedd.of(uid), "the job")
    await asyncio.sleep(0.5)
    assert len(schedd.of(uid)) == 1
    await sidecar.stop()


async def test_a_job_that_a_query_shows_before_its_submission_is_answered_is_not_missed(
    tmp_path: Path, schedd: FakeSchedd
) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path, hold={"staging": 60}))
    await sidecar.start()
    schedd.auto_stage = False
    schedd.fail("Submit", "slow")
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    queries = schedd.log.count("Poll")
    await until(lambda: schedd.log.count("Poll") > queries + 3, "queries that show the job")
    await sidecar.wait_for(uid, "waiting", reason="Staging")
    schedd.of(uid)[0].enter(1, HoldReasonCode=None)
    await sidecar.wait_for(uid, "waiting", reason="Pending")
    assert "History" not in schedd.log
    assert len(schedd.of(uid)) == 1
    await sidecar.stop()


async def test_a_refused_pod_holds_up_no_other(sidecar: Sidecar) -> None:
    refusal = Failure(FailureKind.REFUSED, "SCHEDD:2:requirement not met")
    sidecar.schedd.fail("Submit", refusal, refusal)
    uids = [await created(sidecar) for _ in range(3)]
    for uid in uids:
        await sidecar.submitted(uid)


async def test_the_journal_forgets_the_payload_once_the_job_has_started(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    await sidecar.crash()
    journal = Journal(sidecar.settings.data / "journal.sqlite")
    remembered = await journal.open()
    await journal.close()
    assert [record.uid for record in remembered.pods] == [uid]
    assert not remembered.unstarted
    await sidecar.start()
    sidecar.schedd.complete(uid, 3, {"out.tar": out_tar({"c": 3})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 3


async def test_output_that_was_fetched_and_not_let_go_is_let_go_after_a_restart(sidecar: Sidecar) -> None:
    sidecar.schedd.fail("Edit", "die")
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 5, {"out.tar": out_tar({"c": 5}, {"c": b"2026-01-01T00:00:01Z stdout F hi\n"})})
    await until(lambda: "Edit" in sidecar.schedd.log, "the edit")
    await sidecar.crash()
    await sidecar.start()
    await until(lambda: not sidecar.schedd.of(uid), "the job leaves the queue")
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 5
    assert await sidecar.logs(uid) == "hi\n"


async def test_a_fetch_that_fails_is_tried_again(sidecar: Sidecar) -> None:
    sidecar.schedd.fail(
        "Retrieve", Failure(FailureKind.REFUSED, "DCSchedd::receiveJobSandbox:7003:File transfer failed")
    )
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0


@pytest.mark.parametrize("fault", ["die", "die-after"])
async def test_a_delete_is_done_after_a_crash(sidecar: Sidecar, fault: str) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.fail("Act", fault)
    assert (await sidecar.call("POST", "/delete", {"metadata": {"uid": uid}}))[0] == 200
    await until(lambda: "Act" in sidecar.schedd.log, "the removal")
    await sidecar.crash()
    await sidecar.start()
    await until(lambda: not sidecar.schedd.of(uid), "the job is removed")


async def test_a_delete_of_a_pod_that_waits_never_reaches_the_schedd(sidecar: Sidecar) -> None:
    sidecar.schedd.down = DOWN
    uid = await created(sidecar)
    assert (await sidecar.call("POST", "/delete", {"metadata": {"uid": uid}}))[0] == 200
    sidecar.schedd.down = None
    async with asyncio.timeout(10):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.02)
    other = await created(sidecar)
    await sidecar.submitted(other)
    assert not sidecar.schedd.of(uid)


async def test_duplicates_are_removed_and_the_started_one_is_kept(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    twin = type(job)({**job.attributes, "ClusterId": 77, "InterlinkGeneration": 2}, job.folder, job.payload)
    twin.enter(1, NumJobStarts=0)
    sidecar.schedd.jobs[twin.job_id] = twin
    await until(lambda: len(sidecar.schedd.of(uid)) == 1, "one job is left")
    assert sidecar.schedd.of(uid) == [job]


async def test_pods_are_rebuilt_from_the_schedd_when_the_data_folder_is_lost(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    before = await sidecar.status(uid)
    await sidecar.crash()
    sidecar.settings.data.rename(sidecar.folder / "lost")
    await sidecar.start()
    async with asyncio.timeout(10):
        while (after := await sidecar.status(uid)) is None:
            await asyncio.sleep(0.02)
    assert before is not None
    assert {k: after[k] for k in ("name", "namespace", "UID", "JID")} == {
        k: before[k] for k in ("name", "namespace", "UID", "JID")
    }
    sidecar.schedd.complete(uid, 4, {"out.tar": out_tar({"c": 4})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 4


async def test_a_job_that_was_removed_by_hand_ends_its_pod_in_the_schedds_words(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.drop(uid, "via condor_rm (by user operator)")
    state = await sidecar.wait_for(uid, "terminated")
    assert state["exitCode"] == 143
    assert "condor_rm (by user operator)" in state["message"]


async def test_a_job_that_nobody_knows_any_more_does_not_end_its_pod_at_once(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.drop(uid, remember=False)
    await until(lambda: sidecar.schedd.log.count("History") > 0, "history is asked")
    await asyncio.sleep(0.5)
    assert "waiting" in (await sidecar.states(uid))["c"]


async def test_a_job_that_stays_unknown_is_lost(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "LOST_SECONDS", 0.5)
    monkeypatch.setattr(missing, "ASK_AGAIN_SECONDS", 0.1)
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.drop(uid, remember=False)
    state = await sidecar.wait_for(uid, "terminated")
    assert (state["exitCode"], state["reason"]) == (137, "JobLost")


async def test_a_job_held_before_its_start_is_released_and_runs(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.hold(uid, 13, "Transfer input files failure")
    await until(lambda: sidecar.schedd.of(uid)[0].attributes["JobStatus"] == 1, "the release")
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0


async def test_a_job_out_of_memory_ends_its_pod_with_the_holds_words_and_what_it_printed(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    job.output = {
        "supervisor.out": b'S {"version":1,"phase":"running","revision":1,"containers":[]}\n'
        b"L c 2026-01-01T00:00:01Z stdout F so far\n"
    }
    sidecar.schedd.hold(uid, 34, "Job has gone over memory limit of 64 megabytes", HoldReasonSubCode=102)
    state = await sidecar.wait_for(uid, "terminated")
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")
    assert "memory limit of 64 megabytes" in state["message"]
    assert await sidecar.logs(uid) == "so far\n"
    await until(lambda: not sidecar.schedd.of(uid), "the job is removed")


async def test_a_job_killed_outright_ends_its_pod_with_what_it_printed_and_said_of_itself(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    running = {"state": "running", "exit_code": None, "finished": None}
    output = {
        "out.tar": out_tar({"c": 0}, more=running, phase="running"),
        "supervisor.out": b'S {"version":1,"phase":"running","revision":1,"containers":[]}\n'
        b"L c 2026-01-01T00:00:01Z stdout F so far\n",
        "supervisor.err": b"MemoryError\n",
    }
    job = sidecar.schedd.complete(uid, 0, output)
    job.attributes.update(ExitCode=None, ExitBySignal=True, ExitSignal=9)
    state = await sidecar.wait_for(uid, "terminated")
    assert (state["exitCode"], state["signal"]) == (137, 9)
    assert "the job was killed by signal 9; the supervisor said: MemoryError" in state["message"]
    assert await sidecar.logs(uid) == "so far\n"


async def test_an_evicted_pod_ends_and_its_job_does_not_start_again(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid).enter(1)
    state = await sidecar.wait_for(uid, "terminated")
    assert (state["exitCode"], state["reason"]) == (137, "Evicted")
    await until(lambda: not sidecar.schedd.of(uid), "the job is removed")


@pytest.mark.parametrize("miss", ["silent", Failure(FailureKind.BUSY, "earlier calls took too long")], ids=str)
async def test_the_output_of_an_evicted_pod_may_come_a_moment_later(sidecar: Sidecar, miss: Failure | str) -> None:
    sidecar.schedd.fail("Retrieve", miss)
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    job.output = {"out.tar": out_tar({"c": 7}, {"c": b"2026-01-01T00:00:01Z stdout F told\n"})}
    job.enter(1)
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 7
    assert await sidecar.logs(uid) == "told\n"


@pytest.mark.parametrize("failures", [0, 2])
@pytest.mark.parametrize("evicted", [True, False])
async def test_an_end_is_written_down_once_and_keeps_its_output_until_then(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch, evicted: bool, failures: int
) -> None:
    write, full = Journal.end, ["database or disk is full"] * failures
    written: list[str] = []

    async def end(self: Journal, uid: str, view: PodView) -> None:
        if full:
            # nor would there be room to bring the output once more
            sidecar.schedd.fail("Retrieve", *[Failure(FailureKind.REFUSED, "receiveJobSandbox:7003")] * 9)
            raise JournalError(full.pop())
        written.append(uid)
        await write(self, uid, view)

    monkeypatch.setattr(Journal, "end", end)
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    output = {"out.tar": out_tar({"c": 7}, {"c": b"2026-01-01T00:00:01Z stdout F told\n"})}
    if evicted:
        job = sidecar.schedd.run(uid)
        job.output = output
        job.enter(1)
    else:
        sidecar.schedd.complete(uid, 7, output)
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 7
    assert await sidecar.logs(uid) == "told\n"
    await until(lambda: not sidecar.schedd.of(uid) or not evicted, "the job is removed")
    assert (full, written) == ([], [uid])


async def test_a_running_pod_is_not_shown_as_waiting_after_a_restart(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    job.attributes["ChirpIL"] = "2;2;running;;r:1767225600:sr"
    started = (await sidecar.wait_for(uid, "running"))["startedAt"]
    await sidecar.crash()
    sidecar.schedd.down = DOWN
    await sidecar.start()
    assert await sidecar.status(uid) is None
    code, _ = await sidecar.call("GET", "/pods?node=vk-test")
    assert code == 503, "half a list would be taken for a whole one"
    sidecar.schedd.down = None
    assert (await sidecar.wait_for(uid, "running"))["startedAt"] == started


async def test_a_second_sidecar_on_the_same_folder_does_not_start(sidecar: Sidecar) -> None:
    with pytest.raises(JournalError, match="another sidecar"):
        await Journal(sidecar.settings.data / "journal.sqlite").open()
