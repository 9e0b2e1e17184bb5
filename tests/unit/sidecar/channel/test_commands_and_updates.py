"""What is asked of a running job: commands in its containers, new content of its volumes, another deadline, an earlier log."""

import asyncio
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.app.channel import channels
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.job.supervisor import plan
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import STDERR, STDOUT, ExecRequest

from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.plugin_client import log_request, pod
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import gate
from tests.unit.sidecar.conftest import Sidecar, created, settings_in
from tests.unit.sidecar.supervisor.jobs import Job, shell

MOUNTED = [{"name": "c", "image": "i", "command": ["true"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]


async def command(site: Site, uid: str, *words: str, given: bytes | None = None) -> tuple[dict[int, bytes], Any]:
    """What a command in container c wrote, by stream, and the Status that it ended with."""
    written = {STDOUT: b"", STDERR: b""}
    async with InterlinkClient(f"unix://{site.sidecar.socket}") as client:
        request = ExecRequest("ns", uid, "pod", "c", list(words), Stdin=given is not None)
        async with asyncio.timeout(30), client.exec(request) as stream, asyncio.TaskGroup() as group:
            if given is not None:
                group.create_task(_give(stream, given))
            async for kind, data in stream.pieces():
                written[kind] += data
    return written, stream.status


async def _give(stream: Any, data: bytes) -> None:
    await stream.write(data)
    await stream.eof()


async def test_a_command_has_its_streams_and_its_exit_code(site: Site) -> None:
    uid = await site.pod()
    site.job(uid, shell("c", gate(site.folder, "end"))).start()
    await site.sidecar.wait_for(uid, "running")
    typed = b"".join(b"line %d\n" % number for number in range(100_000))
    written, status = await command(site, uid, "/bin/sh", "-c", "cat; echo bad >&2; exit 3", given=typed)
    assert written[STDOUT] == typed, "more than either side holds at once"
    assert written[STDERR] == b"bad\n"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert (await command(site, uid, "/bin/true"))[1]["status"] == "Success"
    (site.folder / "end").touch()


async def with_a_volume(site: Site, before: str = "true", **fields: Any) -> tuple[str, Job, dict[str, Any]]:
    """A running pod with a ConfigMap in volume v, whose job the schedd knows to run; and the pod as it was created."""
    wanted = pod(containers=MOUNTED, volumes=[{"name": "v", "configMap": {"name": "web"}}])
    uid = str(wanted["metadata"]["uid"])
    assert (await site.sidecar.create(wanted, configMaps=[config("old")]))[0] == 200
    await site.sidecar.submitted(uid)
    site.schedd.run(uid)
    folder = site.folder / f"job-{len(site.jobs)}" / "pod/volumes/v"
    changed = f"until grep -q new {folder}/key; do sleep 0.02; done; cat {folder}/key"
    script = f"{before.format(folder)}; cat {folder}/key; {changed}; sleep 1000"
    job = site.job(uid, shell("c", script), files=volume_files(site, uid), **fields).start()
    await site.sidecar.wait_for(uid, "running")
    await log_is(site, uid, "old\n")
    return uid, job, wanted


async def log_is(site: Site, uid: str, wanted: str) -> None:
    """Wait until the log of container c is this."""
    found = None
    try:
        async with asyncio.timeout(20):
            while (found := await site.sidecar.logs(uid)) != wanted:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the log is {found!r}, not {wanted!r}") from None


def config(content: str) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "default"}, "data": {"key": f"{content}\n"}}


def volume_files(site: Site, uid: str) -> dict[str, bytes]:
    """The files of volumes that the sidecar sent with the pod's job."""
    (queued,) = site.schedd.of(uid)
    with tarfile.open(fileobj=io.BytesIO(queued.payload)) as archive:
        members = [each for each in archive if each.isreg() and each.name.startswith(f"{plan.VOLUMES}/")]
        return {each.name: archive.extractfile(each).read() for each in members}  # type: ignore[union-attr]


async def update(site: Site, wanted: dict[str, Any], content: str) -> tuple[int, Any]:
    delivered = {"name": "c", "configMaps": [config(content)]}
    return await site.sidecar.call("POST", "/update", {"pod": wanted, "container": [delivered], "jobConfig": {}})


async def test_new_content_is_in_the_volume_when_the_update_is_answered(site: Site) -> None:
    uid, job, wanted = await with_a_volume(site)
    assert await update(site, wanted, "new") == (200, {"PodUID": uid, "message": "updated"})
    assert (job.scratch / "pod/volumes/v/key").read_text() == "new\n"
    await log_is(site, uid, "old\nnew\n")


async def test_a_deadline_that_is_set_later_ends_the_pod(site: Site) -> None:
    uid, _, wanted = await with_a_volume(site)
    wanted["spec"]["activeDeadlineSeconds"] = 1
    assert (await update(site, wanted, "old"))[0] == 200
    ended = await site.sidecar.wait_for(uid, "terminated")
    assert ended["reason"] == "DeadlineExceeded"
    assert ended["message"] == "Pod was active on the node longer than the specified deadline"


async def test_what_the_job_can_t_do_is_said_in_its_words(site: Site) -> None:
    _, _, wanted = await with_a_volume(
        site, volumes=[plan.Volume("v", plan.EMPTY)], before="mkdir -p {0}; echo old > {0}/key"
    )
    code, words = await update(site, wanted, "new")
    assert code == 500
    assert "no volume 'v' of files" in str(words)


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ({"deadline_seconds": "soon", "volumes": {"v": {"key": [420, "bmV3Cg=="]}}}, "deadline_seconds"),
        ({"deadline_seconds": 1, "volumes": ["v"]}, "AttributeError"),
        ({"deadline_seconds": 1, "volumes": {"v": {"key": [420, "bmV3Cg=="]}, "w": {}}}, "no volume 'w' of files"),
        (
            {"deadline_seconds": 1, "volumes": {"v": {"key": [420, "bmV3Cg=="], "../x": [420, ""]}}},
            "no file of a volume",
        ),
    ],
)
async def test_an_update_that_can_t_be_carried_out_whole_is_answered_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, forged: dict[str, Any], words: str
) -> None:
    uid, job, wanted = await with_a_volume(site)
    send = Connection.update

    async def forge(self: Connection, seconds: float, **_: Any) -> str:
        return await send(self, seconds, **forged)

    monkeypatch.setattr(Connection, "update", forge)
    code, answer = await update(site, wanted, "new")
    assert (code, words in str(answer)) == (500, True), answer
    assert (job.scratch / "pod/volumes/v/key").read_text() == "old\n"
    monkeypatch.setattr(Connection, "update", send)
    assert (await update(site, wanted, "new"))[0] == 200, "the pod was not ended"
    await log_is(site, uid, "old\nnew\n")


async def test_an_update_that_no_job_takes_is_rejected(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job, wanted = await with_a_volume(site)
    monkeypatch.setattr(channels, "TEXT_LIMIT", 2 << 20)
    code, words = await update(site, wanted, "n" * (1 << 20))
    assert code == 422
    assert "more than 1 MiB" in str(words)
    assert (job.scratch / "pod/volumes/v/key").read_text() == "old\n"


async def test_an_update_waits_for_a_job_that_is_away(site: Site) -> None:
    _, _, wanted = await with_a_volume(site)
    site.cutter.refuses = True
    site.cutter.cut()
    async with asyncio.timeout(15):
        while (answer := await update(site, wanted, "new"))[0] != 503:
            assert answer[0] == 200, answer
            await asyncio.sleep(0.02)
    assert "not connected" in str(answer[1])
    site.cutter.refuses = False
    async with asyncio.timeout(30):
        while (await update(site, wanted, "new"))[0] != 200:
            await asyncio.sleep(0.1)


async def test_the_log_of_the_run_before_comes_from_the_job(site: Site) -> None:
    uid = await site.pod()
    ran = site.folder / "ran"
    script = f"[ -e {ran} ] && {{ echo second; {gate(site.folder, 'end')}; exit 0; }}; echo first; touch {ran}; exit 1"
    job = site.job(uid, shell("c", script), restart_policy=plan.ALWAYS).start()
    async with asyncio.timeout(20):
        while (found := await site.sidecar.call("GET", "/getLogs", log_request(uid, Previous=True)))[0] != 200:
            assert found[0] == 404
            await asyncio.sleep(0.05)
    assert found[1] == "first\n"
    await log_is(site, uid, "second\n")
    assert "Retrieve" not in site.schedd.log, "the schedd was not asked"
    job.send()
    (site.folder / "end").touch()


async def without_then_with_a_channel(site: Site, folder: Path, schedd: FakeSchedd) -> dict[str, Any]:
    """A pod that runs since a time when the site had no job channel, as it was created."""
    await site.sidecar.stop()
    before = Sidecar(folder, schedd, settings_in(folder))
    await before.start()
    wanted = pod()
    uid = str(wanted["metadata"]["uid"])
    assert (await before.create(wanted))[0] == 200
    await before.submitted(uid)
    schedd.run(uid)
    await before.wait_for(uid, "waiting", reason="ContainerCreating")
    await before.stop()
    await site.make().start()
    await site.sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    return wanted


async def test_a_job_from_before_the_channel_is_never_waited_for(
    site: Site, tmp_path: Path, schedd: FakeSchedd
) -> None:
    wanted = await without_then_with_a_channel(site, tmp_path, schedd)
    code, words = await update(site, wanted, "new")
    assert code == 501
    assert "made while this site had no job channel" in str(words)
    _, status = await command(site, str(wanted["metadata"]["uid"]), "/bin/true")
    assert "made while this site had no job channel" in status["message"]


async def test_a_job_that_only_the_schedd_remembers_is_waited_for_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = await created(site.sidecar)
    await site.sidecar.submitted(uid)
    site.schedd.run(uid)
    await site.sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    await site.sidecar.stop()
    (site.folder / "data" / "journal.sqlite").unlink()
    await site.make().start()
    async with asyncio.timeout(15):
        while "not connected" not in str((answer := await update(site, pod(uid), "new"))[1]):
            await asyncio.sleep(0.05)  # it is not held here yet, or not known to have started
    assert answer[0] == 503
    monkeypatch.setattr(channels, "UNKNOWN_SECONDS", 0.0)
    assert (await update(site, pod(uid), "new"))[0] == 501
    # one that comes after all has a channel, whatever was thought of it
    site.job(uid, shell("c", gate(site.folder, "end"))).start()
    async with asyncio.timeout(15):
        while (await update(site, pod(uid), "new"))[0] != 200:
            await asyncio.sleep(0.05)
    site.cutter.refuses = True
    site.cutter.cut()
    async with asyncio.timeout(15):
        while (answer := await update(site, pod(uid), "new"))[0] == 200:
            await asyncio.sleep(0.05)
    assert answer[0] == 503
    # and that is known after another start
    await site.sidecar.stop()
    await site.make().start()
    async with asyncio.timeout(15):
        while "not started" in str((answer := await update(site, pod(uid), "new"))[1]):
            await asyncio.sleep(0.05)
    assert (answer[0], "not connected" in str(answer[1])) == (503, True), answer
    (site.folder / "end").touch()
