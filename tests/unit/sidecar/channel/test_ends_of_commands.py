"""Commands end for their callers and in their jobs, whatever the container or the caller does meanwhile."""

import asyncio
import os
from pathlib import Path

import pytest
from condor_sidecar.app.channel.job_stream import JobStream

from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_commands_and_updates import command
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import gate
from tests.unit.sidecar.supervisor.jobs import shell


@pytest.mark.parametrize("what", ["its status file", "everything"])
async def test_a_command_ends_although_its_container_removed_what_it_was_started_from(site: Site, what: str) -> None:
    uid = await site.pod()
    job = site.job(uid, shell("c", gate(site.folder, "end"))).start()
    await site.sidecar.wait_for(uid, "running")
    start = f"{job.scratch}/pod/containers/c/start"
    gone = f"find {start} -name '*.status' -delete" if what == "its status file" else f"rm -rf {start}"
    _, status = await command(site, uid, "/bin/sh", "-c", f"test -e {start} && {gone}; exit 3")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_who_leaves_while_the_command_is_begun_ends_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, opened = asyncio.Event(), JobStream.opened

    async def noted(stream: JobStream) -> None:
        asked.set()
        await opened(stream)

    monkeypatch.setattr(JobStream, "opened", noted)
    uid = await site.pod()
    site.job(uid, shell("c", gate(site.folder, "end"))).start()
    await site.sidecar.wait_for(uid, "running")
    lives = site.folder / "lives"
    site.cutter.stand_still(True)  # the job learns of it only after its caller has left
    leaver = asyncio.create_task(command(site, uid, "/bin/sh", "-c", f"mkfifo {lives}; exec 3<>{lives}; read x <&3"))
    await asyncio.wait_for(asked.wait(), 20)
    leaver.cancel()
    await asyncio.wait([leaver])
    site.cutter.stand_still(False)
    await command(site, uid, "/bin/sh", "-c", f"until [ -e {lives} ]; do sleep 0.02; done")  # it was begun all the same
    async with asyncio.timeout(20):
        while has_a_reader(lives):
            await asyncio.sleep(0.02)
    (site.folder / "end").touch()


def has_a_reader(pipe: Path) -> bool:
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # ENXIO
        return False
    return True
