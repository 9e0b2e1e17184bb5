"""Deaths in the middle, an absent schedd, refused tokens: nothing is lost, nothing runs twice, everything recovers by itself."""

import asyncio
from functools import partial
from typing import Any

import pytest

from tests.condor.conftest import CondorSidecar, shell, with_containers

PODS = 20


@pytest.mark.timeout(400)
async def test_killed_while_many_pods_start(own_sidecar: CondorSidecar) -> None:
    sidecar = own_sidecar
    pods = [with_containers(shell(f"echo {number}")) for number in range(PODS)]
    answered: set[str] = set()

    async def create(wanted: dict[str, Any], client: CondorSidecar) -> None:
        code, _ = await client.create(wanted)
        if code == 200:
            answered.add(wanted["metadata"]["uid"])

    # twice in the middle of things, at points that differ from run to run
    for pause in (0.25, 0.9):
        async with sidecar.connected():
            burst = asyncio.gather(*(create(wanted, sidecar) for wanted in pods), return_exceptions=True)
            await asyncio.sleep(pause)
            await asyncio.to_thread(sidecar.kill)
            await burst
        await asyncio.to_thread(sidecar.start)

    async with sidecar.connected():
        # what the virtual kubelet does: ask again for what was not answered
        await asyncio.gather(*(create(w, sidecar) for w in pods if w["metadata"]["uid"] not in answered))
        assert len(answered) == PODS
        for number, wanted in enumerate(pods):
            uid = wanted["metadata"]["uid"]
            assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
            assert await sidecar.logs(uid) == f"{number}\n"
    started = _started(sidecar)
    assert set(started.values()) == {wanted["metadata"]["uid"] for wanted in pods}
    assert len(started) == PODS, started


def _started(sidecar: CondorSidecar) -> dict[str, str]:
    """The pod of each job that ever started, by job id; a job may leave the queue for the history while we look."""
    # NumJobStarts is late: a brief job's pod may have ended before the queue has it, and a compute element's router may hand the
    # job back before it has copied it (HTCondor 23.9)
    ever_started = "(NumJobStarts > 0 || JobStartDate =!= undefined || JobStatus == 4)"
    constraint = f'InterlinkInstance =?= "{sidecar.instance}" && {ever_started}'
    pod_of_job: dict[str, str] = {}
    for tool in (["condor_q", "-all"], ["condor_history"]):
        argv = [*tool, "-constraint", constraint, "-af:j", "InterlinkPodUID"]
        for line in sidecar.site.run(argv, ce=sidecar.endpoint == "ce").stdout.splitlines():
            job, uid = line.split()
            pod_of_job[job] = uid
    return pod_of_job


async def test_a_delete_survives_the_death_of_the_sidecar(own_sidecar: CondorSidecar) -> None:
    sidecar = own_sidecar
    wanted = with_containers(shell("sleep 1000"), terminationGracePeriodSeconds=1)
    uid = wanted["metadata"]["uid"]
    async with sidecar.connected():
        await sidecar.create(wanted)
        await sidecar.wait_for(uid, "running")
        assert (await sidecar.call("POST", "/delete", wanted))[0] == 200
        await asyncio.to_thread(sidecar.kill)
    await asyncio.to_thread(sidecar.start)
    async with asyncio.timeout(60):
        while await asyncio.to_thread(sidecar.jobs, uid):
            await asyncio.sleep(0.5)


@pytest.mark.timeout(300)
async def test_a_token_without_rights_is_named_and_a_good_one_heals(own_sidecar: CondorSidecar) -> None:
    sidecar = own_sidecar
    sidecar.token_file.write_text("")
    sidecar.new_token(scope="compute.read")
    wanted = with_containers(shell("echo here"))
    uid = wanted["metadata"]["uid"]
    async with sidecar.connected():
        await asyncio.sleep(11)  # the session that the first token opened lives for ten seconds
        assert (await sidecar.create(wanted))[0] == 200
        async with asyncio.timeout(60):
            while "lacks the scopes" not in str(await sidecar.states(uid)):
                await asyncio.sleep(0.2)
        assert "waiting" in (await sidecar.states(uid))["c"]
        sidecar.new_token()
        assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    assert "eyJ" not in sidecar.log()


@pytest.mark.timeout(300)
@pytest.mark.alone
async def test_a_schedd_that_is_away_at_create(own_sidecar: CondorSidecar) -> None:
    sidecar = own_sidecar
    run = partial(sidecar.site.run, ce=sidecar.endpoint == "ce")
    wanted = with_containers(shell("echo back"))
    uid = wanted["metadata"]["uid"]
    async with sidecar.connected():
        await asyncio.to_thread(run, ["condor_off", "-fast", "-daemon", "schedd"])
        try:
            assert (await sidecar.create(wanted))[0] == 200
            async with asyncio.timeout(60):
                while "the schedd does not answer" not in str(await sidecar.call("GET", "/status", [])):
                    await asyncio.sleep(0.2)
            assert "waiting" in (await sidecar.states(uid))["c"]
        finally:
            await asyncio.to_thread(run, ["condor_on", "-daemon", "schedd"])
        assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
        assert await sidecar.logs(uid) == "back\n"
