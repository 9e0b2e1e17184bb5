"""What operators and limits do to jobs, as the pod's owner sees it."""

import asyncio

from tests.condor.conftest import CondorSidecar, shell, with_containers
from tests.fakes.plugin_client import until


async def running(sidecar: CondorSidecar, script: str = "echo started; sleep 1000") -> tuple[str, str]:
    """A running pod: its UID and its job's id."""
    wanted = with_containers(shell(script), terminationGracePeriodSeconds=2)
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "running")
    ((_, cluster, proc, _),) = sidecar.jobs(uid)
    return uid, f"{cluster}.{proc}"


def tool(sidecar: CondorSidecar, *argv: str) -> None:
    sidecar.site.run(argv, ce=sidecar.endpoint == "ce")


def copies_in_the_pool(sidecar: CondorSidecar, job: str) -> list[str]:
    """Jobs that the compute element's router made of one of its own."""
    argv = ["condor_q", "-all", "-constraint", f'RoutedFromJobId =?= "{job}"', "-af", "JobStatus"]
    return sidecar.site.run(argv).stdout.split()


async def test_a_job_that_an_operator_removes_ends_its_pod_with_the_reason(sidecar: CondorSidecar) -> None:
    uid, job = await running(sidecar)
    tool(sidecar, "condor_rm", job, "-reason", "the rack moves")
    state = await sidecar.wait_for(uid, "terminated")
    assert state["exitCode"] != 0
    assert "the rack moves" in state["message"]
    status = await sidecar.status(uid)
    assert status is not None
    assert f"job {job} was removed" in status["disruption"]
    told = {event["reason"]: event["message"] for event in status["events"]}
    assert f"job {job} started" in told["JobStarted"]
    assert told["JobRemoved"] == status["disruption"]
    await until(lambda: not sidecar.jobs(uid), "the job is gone", 60)


async def test_a_job_that_an_operator_holds_before_it_starts_waits_and_runs_when_released(
    sidecar: CondorSidecar,
) -> None:
    wanted = with_containers(shell("echo released"), terminationGracePeriodSeconds=2)
    # more than the pool has: it stays idle until the operator is done with it
    wanted["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "5000"}}
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "waiting", reason="Pending")
    ((_, cluster, proc, _),) = sidecar.jobs(uid)
    job = f"{cluster}.{proc}"
    tool(sidecar, "condor_hold", job, "-reason", "a look first")
    held = await sidecar.wait_for(uid, "waiting", reason="JobHeld")
    assert "a look first" in held["message"]
    if sidecar.endpoint == "ce":
        # a router that never saw the job held would keep the copy that asks for too much
        await until(lambda: not copies_in_the_pool(sidecar, job), "the router took its copy back", 60)
    for attribute in ("RequestCpus", "xcount"):
        tool(sidecar, "condor_qedit", job, attribute, "1")
    tool(sidecar, "condor_release", job)
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    assert await sidecar.logs(uid) == "released\n"
    status = await sidecar.status(uid)
    assert status is not None and "disruption" not in status
    told = {event["reason"]: event["message"] for event in status["events"]}
    assert "a look first" in told["JobHeld"]
    assert {"JobSubmitted", "JobHeld", "JobReleased", "JobStarted"} <= set(told)


async def test_a_pod_over_its_deadline_is_ended_and_its_log_is_there(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("echo before; sleep 1000"), activeDeadlineSeconds=5, terminationGracePeriodSeconds=1)
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    state = await sidecar.wait_for(uid, "terminated")
    assert state["exitCode"] != 0
    assert state["reason"] == "DeadlineExceeded", state
    assert state["message"]
    assert await sidecar.logs(uid) == "before\n"


async def test_deleting_a_pod_that_waits_leaves_no_job(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("true"))
    wanted["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "5000"}}
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "waiting", reason="Pending")
    await sidecar.call("POST", "/delete", wanted)
    await until(lambda: not sidecar.jobs(uid), "the job is gone", 60)
    async with asyncio.timeout(30):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.1)
