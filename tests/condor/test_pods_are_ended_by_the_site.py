"""A pod that the batch system ends, or its own deadline, gets its grace period, comes back with its log, and never runs twice."""

import asyncio

from tests.condor.conftest import CondorSidecar, shell, with_containers

POLITE = "trap 'echo told; sleep 1; exit 7' TERM; echo up; while :; do sleep 0.2; done"


async def test_a_vacated_pod_ends_once_and_for_all(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell(POLITE), terminationGracePeriodSeconds=10)
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "running")
    async with asyncio.timeout(60):
        while "up" not in await sidecar.logs(uid):
            await asyncio.sleep(0.5)
    sidecar.site.run(["condor_vacate_job", "-constraint", f'InterlinkPodUID == "{uid}"'])
    ended = await sidecar.wait_for(uid, "terminated")
    assert ended["exitCode"] == 7
    status = await sidecar.status(uid)
    assert status is not None
    # the container's own end is its own; the pod's is the site's doing
    words = {"Evicted": "lost its worker node"}
    if sidecar.endpoint == "ce":  # it removes what would run again: who comes to look after that sees no more
        words["JobRemoved"] = "removed a job that ran before"
    told = {event["reason"]: event["message"] for event in status["events"]}
    (reason,) = words.keys() & told.keys()
    assert words[reason] in status["disruption"]
    assert told[reason] == status["disruption"]
    # through a compute element the end may be known before the log has come back
    async with asyncio.timeout(60):
        while await sidecar.logs(uid) != "up\ntold\n":
            await asyncio.sleep(0.5)
    starts = ["condor_history", "-constraint", f'InterlinkPodUID == "{uid}"', "-af", "NumJobStarts"]
    async with asyncio.timeout(60):
        # the compute element's own job goes before the pool's
        while sidecar.jobs(uid) or not sidecar.site.run(starts).stdout.split():
            await asyncio.sleep(0.5)
    assert set(sidecar.site.run(starts).stdout.split()) == {"1"}


async def test_a_pod_past_its_deadline_is_told_to_stop(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell(POLITE), terminationGracePeriodSeconds=10, activeDeadlineSeconds=3)
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 7
    assert await sidecar.logs(uid) == "up\ntold\n"
    status = await sidecar.status(uid)
    assert status is not None
    assert status["reason"] == "DeadlineExceeded"
    assert "disruption" not in status
