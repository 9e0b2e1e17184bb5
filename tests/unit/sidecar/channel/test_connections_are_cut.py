"""A channel that is cut, refused or stands still loses no line, doubles none, and holds up no pod."""

import asyncio
import random

import pytest
from condor_sidecar.app import pods

from tests.fakes.condor_schedd import out_tar
from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import follow, gate
from tests.unit.sidecar.supervisor.jobs import shell, text

COUNT, CUTS = 3000, 5
COUNTING = f"i=0; while [ $i -lt {COUNT} ]; do echo line $i; i=$((i+1)); [ $((i % 100)) -ne 0 ] || sleep 0.05; done"


async def test_a_followed_log_has_every_line_once_however_often_its_connection_is_cut(site: Site) -> None:
    uid = await site.pod()
    dice = random.Random(6)
    job = site.job(uid, shell("c", f"{gate(site.folder, 'go')}; {COUNTING}; {gate(site.folder, 'end')}")).start()
    await site.sidecar.wait_for(uid, "running")
    lines: list[str] = []
    following = asyncio.create_task(follow(site, uid, lines))
    (site.folder / "go").touch()
    for share in range(CUTS):
        wanted = COUNT * share // CUTS + dice.randrange(COUNT // CUTS)
        await until(lambda wanted=wanted: len(lines) > wanted or following.done(), "more lines", 60)  # type: ignore[misc]
        assert not following.done(), lines[-3:]
        await until(lambda: site.cutter.connections, "a connection")
        site.cutter.cut()
    await until(lambda: len(lines) >= COUNT or following.done(), "the last line", 60)
    (site.folder / "end").touch()
    result = await asyncio.to_thread(job.end)
    # the last cut may have been so late that the job's end is the first that is heard of it
    site.schedd.complete(uid, 0, {"out.tar": (job.scratch / "out.tar").read_bytes()})
    await following
    assert lines == [f"line {number}\n" for number in range(COUNT)]
    assert site.cutter.made > 1, "the connection was cut, and made again"
    assert text(result, "c") == "".join(lines)


async def test_a_job_without_a_sidecar_runs_and_connects_when_there_is_one(site: Site) -> None:
    uid = await site.pod()
    await site.sidecar.stop()
    job = site.job(uid, shell("c", f"echo alone; {gate(site.folder, 'go')}; exit 4")).start()
    await asyncio.to_thread(job.wait_until, lambda found: found.containers[0].state.value == "running")
    await site.make().start()
    await site.sidecar.wait_for(uid, "running")
    (site.folder / "go").touch()
    assert (await site.sidecar.wait_for(uid, "terminated"))["exitCode"] == 4
    assert await site.sidecar.logs(uid) == "alone\n"


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "only the schedd"])
async def test_a_job_that_may_connect_again_is_not_guessed_about_after_a_restart(
    site: Site, journal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it was heard of: whoever asks keeps what was shown last. Once it is late, what no probe decides is guessed."""
    site.cutter.refuses = True
    probed = {"name": "probed", "image": "busybox:1", "readinessProbe": {"exec": {"command": ["true"]}}}
    wanted = pod(containers=[{"name": "c", "image": "busybox:1"}, probed])
    uid = str(wanted["metadata"]["uid"])
    assert (await site.sidecar.create(wanted))[0] == 200
    await site.sidecar.submitted(uid)
    site.schedd.run(uid).attributes["JobCurrentStartDate"] -= 1000
    await site.sidecar.wait_for(uid, "running")
    await site.sidecar.stop()
    if not journal:
        (site.folder / "data" / "journal.sqlite").unlink()
    await site.make().start()
    async with asyncio.timeout(15):
        while "not connected" not in str(
            (await site.sidecar.call("POST", "/update", {"pod": wanted, "container": []}))[1]
        ):
            await asyncio.sleep(0.05)  # the schedd is asked
    assert await site.sidecar.status(uid) is None
    assert (await site.sidecar.call("GET", "/pods"))[1] == []
    monkeypatch.setattr(pods, "AWAITED_SECONDS", 0.0)
    await site.sidecar.wait_for(uid, "running")
    status = await site.sidecar.status(uid)
    assert status is not None
    assert {each["name"]: each["ready"] for each in status["containers"]} == {"c": True, "probed": False}


async def test_a_follower_goes_on_after_a_cut_that_lasts(site: Site) -> None:
    uid = await site.pod()
    site.job(
        uid, shell("c", f"echo one; {gate(site.folder, 'go')}; echo two; {gate(site.folder, 'end')}; echo three")
    ).start()
    lines: list[str] = []
    following = asyncio.create_task(follow(site, uid, lines))
    await until(lambda: lines, "the first line")
    site.cutter.refuses = True
    site.cutter.cut()
    (site.folder / "go").touch()
    refused = site.cutter.made
    await until(lambda: site.cutter.made > refused + 1, "the job tries in vain")
    assert lines == ["one\n"]
    site.cutter.refuses = False
    await until(lambda: len(lines) == 2, "the line that was written meanwhile", 60)
    (site.folder / "end").touch()
    await following
    assert lines == ["one\n", "two\n", "three\n"]


async def test_a_pod_whose_channel_never_comes_up_ends_as_one_without(site: Site) -> None:
    site.cutter.refuses = True
    uid = await site.pod()
    job = site.job(uid, shell("c", "echo hi; exit 5")).start()
    site.schedd.run(uid)
    result = await asyncio.to_thread(job.end)
    assert text(result, "c") == "hi\n"
    site.schedd.complete(uid, 5, {"out.tar": out_tar({"c": 5}, {"c": result.logs["c"]})})
    assert (await site.sidecar.wait_for(uid, "terminated"))["exitCode"] == 5
    assert await site.sidecar.logs(uid) == "hi\n"


async def test_a_channel_that_stands_still_holds_up_no_end(site: Site) -> None:
    uid = await site.pod()
    job = site.job(uid, shell("c", f"{gate(site.folder, 'go')}; exit 6")).start()
    await site.sidecar.wait_for(uid, "running")
    site.cutter.stand_still(True)
    (site.folder / "go").touch()
    assert job.process is not None
    assert await asyncio.to_thread(job.process.wait, 20) == 6
    site.cutter.stand_still(False)
