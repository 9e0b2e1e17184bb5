"""A pod's payload holds its secrets: it is on the sidecar's disk while a transfer needs it, whoever dies meanwhile."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.condor_schedd import out_tar
from tests.fakes.plugin_client import until
from tests.unit.sidecar.conftest import Sidecar, created


def left(sidecar: Sidecar) -> list[Path]:
    return list((sidecar.settings.data / "sandboxes").rglob("payload.tar"))


@pytest.mark.parametrize("fault", ["", "die-before-spool", "die-after"])
async def test_after_a_submission(sidecar: Sidecar, fault: str) -> None:
    if fault:
        sidecar.schedd.fail("Submit", fault)
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    await until(lambda: not left(sidecar), "the payload is taken away")


async def test_after_the_output_of_an_ended_job_was_brought(sidecar: Sidecar) -> None:
    sidecar.schedd.fail("Retrieve", "die-after")
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    async with asyncio.timeout(10):
        while "worker process ended" not in (await sidecar.wait_for(uid, "waiting")).get("message", ""):
            await asyncio.sleep(0.02)
    tries = sidecar.schedd.log.count("Retrieve")
    await until(lambda: not left(sidecar), "the payload is taken away")
    assert sidecar.schedd.log.count("Retrieve") == tries, "not only when it is brought again"
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    assert not left(sidecar)


async def test_after_somebody_read_the_log_of_a_running_job(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.fail("Retrieve", "die-after")
    await sidecar.logs(uid)
    assert "Retrieve" in sidecar.schedd.log
    assert not left(sidecar)


async def test_of_an_earlier_process_when_the_next_one_starts(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    await sidecar.crash()
    folder = sidecar.settings.data / "sandboxes" / uid
    (folder / "payload.tar").write_bytes(b"SECRET")
    await sidecar.start()
    assert folder.is_dir()
    assert not left(sidecar)
