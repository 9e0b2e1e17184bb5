"""UIDs that Kubernetes never gives: refused at the door, whatever the call, and without harm to other pods."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.adoption import adopt
from condor_sidecar.model.job_ad import JobAd

from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.conftest import Sidecar, created

HOSTILE = ["../outside", ".", "..", "nul\0", "a b", 'x" || true || "', "$(x)", "u\n", "-u", "u" * 65]


@pytest.mark.parametrize("uid", [*HOSTILE, "", None, 7, ["u"]])
async def test_no_call_takes_a_uid_that_kubernetes_does_not_give(sidecar: Sidecar, uid: Any) -> None:
    wanted = pod()
    wanted["metadata"]["uid"] = uid
    for path, body in (
        ("/delete", {"metadata": {"uid": uid}}),
        ("/status", [{"metadata": {"uid": uid}}]),
        ("/create", {"pod": wanted, "container": [{"name": "c"}]}),
    ):
        code, text = await sidecar.call("POST", path, body)
        assert code == 400, (path, text)
        assert "metadata.uid" in text


async def test_a_delete_removes_no_folder_but_the_pod_s_own(sidecar: Sidecar, tmp_path: Path) -> None:
    victim = tmp_path / "precious"
    victim.mkdir()
    for uid in (str(victim), "../../precious", "nul\0"):
        assert (await sidecar.call("POST", "/delete", {"metadata": {"uid": uid}}))[0] == 400
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    assert (await sidecar.call("POST", "/delete", {"metadata": {"uid": uid}}))[0] == 200
    await until(lambda: not sidecar.schedd.of(uid), "the other delete is carried out")
    async with asyncio.timeout(10):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.02)
    assert victim.is_dir()


@pytest.mark.parametrize("uid", HOSTILE)
def test_a_job_of_such_a_uid_is_nobody_s(uid: str) -> None:
    assert adopt(JobAd(cluster=1, proc=0, uid=uid, status=2, containers="m:c")) is None


@pytest.mark.parametrize("containers", ["m:../c", "m:C", "m:", "x:c", "m:c m:a/b"])
def test_a_job_of_containers_that_no_pod_has_is_nobody_s(containers: str) -> None:
    assert adopt(JobAd(cluster=1, proc=0, uid="u", status=2, containers=containers)) is None
