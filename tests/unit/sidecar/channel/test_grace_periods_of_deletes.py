"""A delete may have a grace period of its own: its pod's containers have that, and the batch system doesn't end them sooner."""

import asyncio
from typing import Any

import pytest
from condor_sidecar.app import remover

from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import gate
from tests.unit.sidecar.supervisor.jobs import Job, by_name, shell

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


async def running(site: Site, script: str, own: int) -> tuple[Job, dict[str, Any]]:
    """A pod whose container runs and whose job the schedd knows to run, with a grace period of `own` seconds."""
    wanted = pod(terminationGracePeriodSeconds=own)
    uid = str(wanted["metadata"]["uid"])
    assert (await site.sidecar.create(wanted))[0] == 200
    await site.sidecar.submitted(uid)
    site.schedd.run(uid)
    job = site.job(uid, shell("c", script)).start()
    await site.sidecar.wait_for(uid, "running")
    await logged(site, uid, "ready\n")
    return job, wanted


async def logged(site: Site, uid: str, wanted: str) -> None:
    async with asyncio.timeout(20):
        while await site.sidecar.logs(uid) != wanted:
            await asyncio.sleep(0.05)


async def delete(site: Site, wanted: dict[str, Any], grace: int | None) -> None:
    metadata = {**wanted["metadata"], "deletionGracePeriodSeconds": grace}
    assert (await site.sidecar.call("POST", "/delete", {**wanted, "metadata": metadata}))[0] == 200


def removals(site: Site) -> int:
    return site.schedd.log.count("Act")


async def test_a_shorter_one_counts(site: Site) -> None:
    job, wanted = await running(site, STUBBORN, own=500)
    await delete(site, wanted, 1)
    result = await asyncio.to_thread(job.end)
    assert (result.reason, result.message) == ("Terminated", "the pod was deleted")
    assert by_name(result)["c"].exit_code == 137


def patient(site: Site) -> str:
    """Takes three seconds to end, which is more than a grace period of one second leaves, and then waits for a file."""
    ends = f"sleep 3; echo saved; {gate(site.folder, 'end')}; exit 3"
    return f"trap '{ends}' TERM; echo ready; while :; do sleep 0.05; done"


async def ends_in_its_own_time(site: Site, job: Job, uid: str) -> None:
    """The pod that runs what `patient` gives, and then its job is removed."""
    await logged(site, uid, "ready\nsaved\n")
    assert removals(site) == 0
    (site.folder / "end").touch()
    assert by_name(await asyncio.to_thread(job.end))["c"].exit_code == 3
    await until(lambda: not site.schedd.of(uid), "the job is removed")


async def test_a_longer_one_counts_and_the_job_is_removed_when_it_has_ended(site: Site) -> None:
    job, wanted = await running(site, patient(site), own=1)
    await delete(site, wanted, 300)
    await ends_in_its_own_time(site, job, wanted["metadata"]["uid"])


async def test_a_longer_one_outlives_a_cut(site: Site) -> None:
    job, wanted = await running(site, patient(site), own=1)
    await delete(site, wanted, 300)
    site.cutter.cut()
    await ends_in_its_own_time(site, job, wanted["metadata"]["uid"])


async def test_a_longer_one_outlives_the_sidecar(site: Site) -> None:
    job, wanted = await running(site, patient(site), own=1)
    await delete(site, wanted, 300)
    await site.sidecar.crash()
    await site.make().start()
    await ends_in_its_own_time(site, job, wanted["metadata"]["uid"])


async def test_a_job_that_was_away_is_told_when_it_comes_back(site: Site) -> None:
    job, wanted = await running(site, patient(site), own=1)
    site.cutter.refuses = True
    site.cutter.cut()
    await delete(site, wanted, 300)
    site.cutter.refuses = False
    await ends_in_its_own_time(site, job, wanted["metadata"]["uid"])


async def test_a_second_delete_may_take_time_away(site: Site) -> None:
    job, wanted = await running(site, STUBBORN, own=1)
    await delete(site, wanted, 300)
    assert removals(site) == 0
    await delete(site, wanted, 1)
    await until(lambda: not site.schedd.of(wanted["metadata"]["uid"]), "the job is removed")
    assert by_name(await asyncio.to_thread(job.end))["c"].exit_code == 137


async def test_no_delete_gives_more_than_the_site_allows(site: Site) -> None:
    await site.sidecar.stop()
    await site.make(policy={"max_grace_seconds": 1}).start()
    job, wanted = await running(site, STUBBORN, own=1)
    await delete(site, wanted, 10**9)
    assert by_name(await asyncio.to_thread(job.end))["c"].exit_code == 137


async def test_a_job_that_does_not_come_back_is_removed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remover, "AWAY_SECONDS", 0.0)
    _, wanted = await running(site, STUBBORN, own=1)
    site.cutter.refuses = True
    site.cutter.cut()
    await delete(site, wanted, 300)
    await until(lambda: not site.schedd.of(wanted["metadata"]["uid"]), "the job is removed")


async def test_a_job_that_has_not_started_is_removed_at_once(site: Site) -> None:
    wanted = pod(terminationGracePeriodSeconds=1)
    uid = str(wanted["metadata"]["uid"])
    assert (await site.sidecar.create(wanted))[0] == 200
    await site.sidecar.submitted(uid)
    await delete(site, wanted, 300)
    await until(lambda: not site.schedd.of(uid), "the job is removed")
