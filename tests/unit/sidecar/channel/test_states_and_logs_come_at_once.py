"""What happens in a job is known here at once, whatever the schedd says and when."""

import asyncio
from pathlib import Path

import pytest
from condor_sidecar.app.channel import final
from condor_sidecar.job.supervisor import plan

from tests.fakes.condor_schedd import out_tar
from tests.fakes.plugin_client import log_request, until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.conftest import DOWN
from tests.unit.sidecar.supervisor.jobs import container, shell


async def follow(site: Site, uid: str, lines: list[str], container: str = "c") -> None:
    """Collect the lines of a followed log, until it ends."""
    async with site.sidecar.request("GET", "/getLogs", log_request(uid, container, Follow=True)) as response:
        assert response.status == 200
        async for line in response.content:
            lines.append(line.decode())


def gate(folder: Path, name: str) -> str:
    """A shell's wait for a file that a test makes."""
    return f"until [ -e {folder / name} ]; do sleep 0.02; done"


async def test_a_pod_runs_although_no_query_has_seen_its_job_run(site: Site) -> None:
    uid = await site.pod()
    site.job(uid, shell("c", gate(site.folder, "go"))).start()
    await site.sidecar.wait_for(uid, "running")
    (job,) = site.schedd.of(uid)
    assert job.attributes["JobStatus"] == 1, "idle, as far as HTCondor knows"
    (site.folder / "go").touch()


async def test_what_the_job_said_in_full_stays_when_the_queue_says_less(site: Site) -> None:
    """Its attribute has no messages, and comes later."""
    uid = await site.pod()
    absent = plan.Volume("v", plan.HOST, path="/no/such/folder", path_type="Directory")
    job = site.job(uid, container("c", "true", mounts=[plan.Mount("v", "/v")]), volumes=[absent], patience_seconds=600)
    job.start()
    told = await site.sidecar.wait_for(uid, "waiting", reason="CreateContainerConfigError")
    assert "there is no directory /no/such/folder on this machine" in told["message"]
    seen = job.seen()
    assert seen is not None
    queued = site.schedd.run(uid)
    for revision in (seen.revision, seen.revision + 1):
        queued.attributes["ChirpIL"] = f"2;{revision};starting;;w:CreateContainerConfigError"
        polls = site.schedd.log.count("Poll")
        await until(lambda polls=polls: site.schedd.log.count("Poll") > polls + 2, "the attribute was seen")  # type: ignore[misc]
        assert (await site.sidecar.states(uid))["c"]["waiting"] == told


async def test_a_followed_log_is_brought_line_by_line_and_ends_with_the_container(site: Site) -> None:
    uid = await site.pod()
    script = f"echo one; {gate(site.folder, 'go')}; echo two; exit 3"
    site.job(uid, shell("c", script), shell("d", gate(site.folder, "end"))).start()
    lines: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(site, uid, lines))
        await until(lambda: lines == ["one\n"], "the first line")
        (site.folder / "go").touch()
    assert lines == ["one\n", "two\n"]
    assert "Retrieve" not in site.schedd.log, "the schedd was not asked"
    (site.folder / "end").touch()


async def test_a_log_that_is_not_followed_comes_from_the_job(site: Site) -> None:
    uid = await site.pod()
    site.job(uid, shell("c", f"echo one; echo two; {gate(site.folder, 'go')}")).start()
    await site.sidecar.wait_for(uid, "running")
    async with asyncio.timeout(10):
        while await site.sidecar.logs(uid) != "one\ntwo\n":
            await asyncio.sleep(0.02)
    assert await site.sidecar.logs(uid, Tail=1) == "two\n"
    assert "Retrieve" not in site.schedd.log
    (site.folder / "go").touch()


async def test_a_pod_ends_by_its_last_record_and_its_log_is_here_by_then(site: Site) -> None:
    uid = await site.pod()
    job = site.job(uid, shell("c", "echo last words; exit 7")).start()
    ended = await site.sidecar.wait_for(uid, "terminated")
    assert ended["exitCode"] == 7
    assert await site.sidecar.logs(uid) == "last words\n"
    assert site.schedd.of(uid), "its job may take its time"
    await asyncio.to_thread(job.end)
    site.schedd.complete(uid, 7, {"out.tar": out_tar({"c": 7})})
    await until(lambda: not site.schedd.of(uid), "the job leaves the queue")


async def test_why_the_batch_system_ended_a_job_is_its_own_to_say(site: Site) -> None:
    uid = await site.pod()
    job = site.job(uid, shell("c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done")).start()
    async with asyncio.timeout(10):
        while await site.sidecar.logs(uid) != "up\n":
            await asyncio.sleep(0.02)
    job.send()
    await asyncio.to_thread(job.end)
    assert (await site.sidecar.status(uid) or {})["containers"][0]["state"].get("running"), (
        "the pod's end is not decided"
    )
    site.schedd.drop(uid, "via condor_rm (by user root)")
    assert (await site.sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    pod = await site.sidecar.status(uid) or {}
    assert "condor_rm" in pod["message"], "it is no success, though the container left with 0"


@pytest.mark.parametrize("leaves", [True, False], ids=["the queue at once", "the queue with its end"])
@pytest.mark.parametrize("code", [0, 9])
async def test_a_deleted_pod_is_told_of_until_its_containers_have_ended(
    site: Site, code: int, leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last log and exit code, too: whoever deleted it sees what it made of its grace period."""
    uid = await site.pod()
    script = f"trap 'echo saved; exit {code}' TERM; echo ready; while :; do sleep 0.02; done"
    job = site.job(uid, shell("c", script)).start()
    await site.sidecar.wait_for(uid, "running")
    async with asyncio.timeout(10):
        while await site.sidecar.logs(uid) != "ready\n":
            await asyncio.sleep(0.02)
    site.schedd.run(uid)
    if not leaves:
        site.schedd.fail("Act", *[DOWN] * 1000)
    monkeypatch.setattr(final, "SHOWN_SECONDS", 3.0)
    assert (await site.sidecar.call("POST", "/delete", {"metadata": {"uid": uid}}))[0] == 200
    if leaves:
        await until(lambda: not site.schedd.of(uid), "the job is removed")
        polls = site.schedd.log.count("Poll")
        await until(lambda: site.schedd.log.count("Poll") > polls + 3, "that is noticed")
    assert "running" in (await site.sidecar.states(uid))["c"]
    job.send()
    assert (await site.sidecar.wait_for(uid, "terminated"))["exitCode"] == code
    status = await site.sidecar.status(uid)
    assert status is not None and not status.get("reason")
    assert await site.sidecar.logs(uid) == "ready\nsaved\n"
    site.schedd.faults.clear()
    await until(lambda: not site.schedd.of(uid), "the job is removed")
    async with asyncio.timeout(15):
        while await site.sidecar.status(uid) is not None:
            await asyncio.sleep(0.05)
