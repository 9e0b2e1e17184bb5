"""Claims, ephemeral, CSI and hostPath volumes are what the site's tables say, mounted by real Apptainer for an ordinary account."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.condor.apptainer_jobs import ACCOUNT, SCRATCH, Worker, changed, ends, planned, pod, shell, text, working

MOUNT = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


def told(claim: str, **more: Any) -> dict[str, Any]:
    """What the virtual node says of a claim of the class that the site keeps on EOS."""
    return {"volume": "data", "claim": claim, "storageClass": "eos", **more}


def claimed(name: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name, **more}}]


def test_the_first_pod_of_a_claim_makes_its_folder_and_the_next_finds_what_it_left(worker: Worker) -> None:
    first = worker.run(
        planned(
            pod(shell("a", "echo kept > /data/file", **MOUNT), volumes=claimed("results")), claims=[told("results")]
        )
    )
    assert ends(first)["a"].exit_code == 0, first
    folder = worker.scratch / "eos/default/results"
    assert (folder / "file").read_text() == "kept\n"
    assert folder.stat().st_uid == int(worker.machine.run(["id", "-u", ACCOUNT]).stdout)
    script = "cat /data/file; echo more >> /data/file"
    second = worker.run(planned(pod(shell("a", script, **MOUNT), volumes=claimed("results")), claims=[told("results")]))
    assert text(second, "a") == "kept\n"
    assert (folder / "file").read_text() == "kept\nmore\n"


@pytest.mark.parametrize(
    ("source", "claim"), [({"readOnly": True}, {}), ({}, {"accessModes": ["ReadOnlyMany"]})], ids=["pod", "claim"]
)
def test_what_pod_or_claim_call_read_only_is(worker: Worker, source: dict[str, Any], claim: dict[str, Any]) -> None:
    script = "touch /data/file 2> /dev/null && echo can be written; ls -a /data > /dev/null && echo can be read"
    plan = planned(
        pod(shell("a", script, **MOUNT), volumes=claimed("quiet", **source)), claims=[told("quiet", **claim)]
    )
    assert text(worker.run(plan), "a") == "can be read\n"


def test_two_claims_are_two_folders(worker: Worker) -> None:
    volumes = [*claimed("one"), {"name": "other", "persistentVolumeClaim": {"claimName": "two"}}]
    mounts = [*MOUNT["volumeMounts"], {"name": "other", "mountPath": "/other"}]
    script = "echo one > /data/which; echo two > /other/which; cat /data/which /other/which"
    claims = [told("one"), told("two") | {"volume": "other"}]
    result = worker.run(planned(pod(shell("a", script, volumeMounts=mounts), volumes=volumes), claims=claims))
    assert text(result, "a") == "one\ntwo\n"
    assert sorted(path.parent.name for path in (worker.scratch / "eos/default").glob("*/which")) == ["one", "two"]


def test_an_ephemeral_volume_is_that_of_its_pods_own_claim(worker: Worker) -> None:
    template = {"volumeClaimTemplate": {"spec": {"storageClassName": "eos"}}}
    volumes = [{"name": "data", "ephemeral": template}]
    plan = planned(pod(shell("a", "echo mine > /data/file", **MOUNT), volumes=volumes), claims=[told("hello-data")])
    assert ends(worker.run(plan))["a"].exit_code == 0
    assert (worker.scratch / "eos/default/hello-data/file").read_text() == "mine\n"


def test_a_csi_volume_is_where_the_table_has_its_driver_and_read_only_unless_that_says_otherwise(
    worker: Worker,
) -> None:
    volumes = [{"name": "data", "csi": {"driver": "site.example.org"}}]
    script = "cat /data/file; touch /data/other 2> /dev/null && echo can be written; true"
    assert text(worker.run(planned(pod(shell("a", script, **MOUNT), volumes=volumes))), "a") == "site\n"


def test_a_part_of_a_claim_is_mounted_alone(worker: Worker) -> None:
    mounts = [{"name": "data", "mountPath": "/part", "subPath": "a/b"}]
    made = pod(shell("a", "echo here > /part/file", volumeMounts=mounts), volumes=claimed("parts"))
    assert ends(worker.run(planned(made, claims=[told("parts")])))["a"].exit_code == 0
    assert (worker.scratch / "eos/default/parts/a/b/file").read_text() == "here\n"


def test_a_folder_that_the_job_may_not_make_is_told(worker: Worker) -> None:
    worker.machine.run(["install", "-d", "-m", "755", f"{SCRATCH}/eos/forbidden"])
    made = pod(shell("a", "true", **MOUNT), volumes=claimed("results"))
    made["metadata"]["namespace"] = "forbidden"
    ended = ends(worker.run(changed(planned(made, claims=[told("results")]), patience_seconds=1)))["a"]
    assert (ended.exit_code, ended.reason) == (128, "CreateContainerConfigError")
    assert f"{SCRATCH}/eos/forbidden/results" in ended.message


def test_a_path_of_the_site_can_stand_for_one_that_is_each_jobs_own(worker: Worker) -> None:
    """As /tmp is: what a pod mounts of it is a folder that is everybody's."""
    worker.machine.run(["install", "-d", "-m", "1777", f"{SCRATCH}/everybody"])
    made = pod(
        shell("a", "stat -c %A /data; touch /data/file", **MOUNT),
        volumes=[{"name": "data", "hostPath": {"path": "/tmp"}}],
    )
    result = worker.run(planned(made))
    assert text(result, "a") == "drwxrwxrwt\n"
    assert (worker.scratch / "everybody/file").exists()
