"""Updates of running pods: recompiled by the site's policy, given to the job's channel, refused in the words of creates."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.app.job_channels import ChannelAway, JobFailed, NoChannel, TooLarge
from condor_sidecar.app.pods import PodTable
from condor_sidecar.app.updates import AT_ONCE, Updates
from condor_sidecar.core.compile.update import Update, compile_update
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import Journal
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.plan import ContainerKind, Rejection
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord
from interlink.protocol.errors import LostTrack, NotNow, Rejected
from interlink.protocol.types import PodUsage
from msgspec.structs import replace as replaced

from tests.fakes.condor_schedd import FakeSchedd
from tests.unit.sidecar.compile.pods import POLICY, UID, container, pod, request
from tests.unit.sidecar.conftest import Sidecar, created

Json = dict[str, Any]
VOLUMES = [
    {"name": "settings", "configMap": {"name": "web", "defaultMode": 0o400}},
    {"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "k", "path": "deep/k"}]}},
    {"name": "scratch", "emptyDir": {}},
    {"name": "unmounted", "configMap": {"name": "web"}},
]
MOUNTS = [{"name": name, "mountPath": f"/{name}"} for name in ("settings", "keys", "scratch")]


def message(**spec: Any) -> Any:
    return request(
        pod(container(volumeMounts=MOUNTS), volumes=VOLUMES, **spec),
        config_maps={"web": {"data": {"a.conf": "new"}}},
        secrets={"keys": {"k": b"\xff"}},
    )


def compiled(wall_seconds: int = 3600, **spec: Any) -> Update | Rejection:
    return compile_update(message(**spec), POLICY, wall_seconds=wall_seconds, grace_seconds=30)


def test_volumes_come_out_as_in_a_job() -> None:
    made = compiled()
    assert isinstance(made, Update)
    assert made.volumes == {
        "settings": {"a.conf": (0o400, b"new")},
        "keys": {"deep/k": (0o644, b"\xff")},
    }


@pytest.mark.parametrize(
    ("wall", "spec", "expected"),
    [
        (3600, {}, 3600 - 30 - 60),
        (3600, {"activeDeadlineSeconds": 100}, 100),
        (3600, {"activeDeadlineSeconds": 9999}, 3600 - 30 - 60),
        (0, {}, None),
        (0, {"activeDeadlineSeconds": 100}, 100),
        (60, {}, 1),
    ],
)
def test_the_deadline_is_the_pod_s_or_the_job_s(wall: int, spec: Json, expected: int | None) -> None:
    made = compiled(wall, **spec)
    assert isinstance(made, Update) and made.deadline_seconds == expected


def test_what_can_t_be_mounted_is_rejected_as_at_a_create() -> None:
    bad = request(
        pod(container(volumeMounts=MOUNTS[:1]), volumes=VOLUMES[:1]), config_maps={"web": {"data": {"../x": "no"}}}
    )
    made = compile_update(bad, POLICY, wall_seconds=0, grace_seconds=30)
    assert isinstance(made, Rejection) and "../x" in made.reasons[0]


TOKEN = {
    "name": "kube-api-access-x",
    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "kube-root-ca.crt"}}]},
}


@pytest.mark.parametrize(
    ("annotations", "allowed", "renewed"),
    [
        ({"htcondor-job.vk.io/keep-sa-token": "true"}, True, True),
        ({"htcondor-job.vk.io/keep-sa-token": "true"}, False, False),
        ({"htcondor-job.vk.io/keep-sa-token": "false"}, True, False),
        ({}, True, False),
        ({"htcondor-job.vk.io/keep-sa-token": "true", "htcondor-job.vk.io/added-later": "x"}, True, True),
    ],
)
def test_a_token_is_renewed_where_the_pod_was_given_one(annotations: Json, allowed: bool, renewed: bool) -> None:
    """By the annotations that its job was made by; those it got since then are in nobody's way."""
    policy = replace(POLICY, user_annotations=frozenset({"keep-sa-token"} if allowed else set()))
    mounts = [{"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    holder = pod(container(volumeMounts=mounts), volumes=[TOKEN])
    holder["metadata"]["annotations"] = annotations
    sent = request(holder, projected={"kube-api-access-x": {"token": "newer"}})
    made = compile_update(sent, policy, wall_seconds=0, grace_seconds=30)
    assert isinstance(made, Update)
    assert made.volumes == ({"kube-api-access-x": {"token": (0o644, b"newer")}} if renewed else {})


@pytest.mark.parametrize("kind", ["persistentVolumeClaim", "ephemeral", "csi", "hostPath"])
def test_what_is_no_volume_of_files_is_not_looked_at(kind: str) -> None:
    """Whether its claim is known is nothing to an update: the job has it, and keeps it."""
    spec = pod(container(volumeMounts=[*MOUNTS, {"name": "data", "mountPath": "/data"}]))
    spec["spec"]["volumes"] = [*VOLUMES, {"name": "data", kind: {"claimName": "c", "driver": "d", "path": "/nowhere"}}]
    sent = request(spec, config_maps={"web": {"data": {"a.conf": "new"}}}, secrets={"keys": {"k": b"x"}})
    made = compile_update(sent, POLICY, wall_seconds=0, grace_seconds=30)
    assert isinstance(made, Update) and set(made.volumes) == {"settings", "keys"}


class Channels:
    """Job channels that record what they are given, or fail so."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.given: list[tuple[str, Update]] = []
        self.at_once = self.most = 0

    async def update(self, uid: str, update: Update) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        self.given.append((uid, update))

    async def stop(self, uid: str, grace_seconds: int) -> None:
        raise AssertionError("an update stops nothing")

    def usage(self) -> Mapping[str, PodUsage]:
        return {}


def table(folder: Path, status: int = 2, stage: Stage = Stage.PRESENT) -> PodTable:
    """With the one pod of `message`."""
    made = PodTable(Journal(folder / "journal.sqlite"))
    record = PodRecord(
        uid=UID,
        namespace="default",
        name="hello",
        submit={},
        containers=(ContainerRecord("main", ContainerKind.MAIN),),
        grace_seconds=30,
        wall_seconds=3600,
        plan_hash="",
        accepted_at=0.0,
    )
    entry = made.add(record, None)
    entry.ad = JobAd(cluster=1, proc=0, uid=UID, status=status)
    entry.enter(stage)
    return made


async def test_a_running_pod_gets_its_new_content_one_update_at_a_time(tmp_path: Path) -> None:
    channels = Channels()
    updates = Updates(table(tmp_path), channels, POLICY)
    await asyncio.gather(*(updates.apply(message(activeDeadlineSeconds=50)) for _ in range(5)))
    assert len(channels.given) == 5 and channels.most == 1
    uid, given = channels.given[0]
    assert (uid, set(given.volumes), given.deadline_seconds) == (UID, {"settings", "keys"}, 50)


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (NoChannel("none"), LostTrack, 501),
        (ChannelAway("away"), NotNow, 503),
        (TooLarge("9 MiB"), Rejected, 422),
        (JobFailed("OSError: no space"), LostTrack, 500),
    ],
)
async def test_a_job_that_can_t_be_reached(
    tmp_path: Path, failure: Exception, kind: type[Exception], status: int
) -> None:
    with pytest.raises(kind) as caught:
        await Updates(table(tmp_path), Channels(failure), POLICY).apply(message())
    assert getattr(caught.value, "http_status", None) == status


async def test_jobs_that_don_t_answer_hold_up_no_other(tmp_path: Path) -> None:
    """However many there are: each is waited for by its own caller."""
    held, answers = table(tmp_path), asyncio.Event()

    class Silent(Channels):
        async def update(self, uid: str, update: Update) -> None:
            if uid != UID:
                await answers.wait()
            await super().update(uid, update)

    channels = Silent()
    updates = Updates(held, channels, POLICY)
    waiting = []
    for number in range(2 * AT_ONCE):
        other = message()
        other.pod["metadata"]["uid"] = f"5b0c1c6e-9f0e-4f6e-8a53-1c1f1f1f{number + 10:04}"
        entry = held.add(replaced(held.pods[UID].record, uid=other.pod["metadata"]["uid"]), None)
        entry.ad = JobAd(cluster=1, proc=0, uid=entry.uid, status=2)
        entry.enter(Stage.PRESENT)
        waiting.append(asyncio.create_task(updates.apply(other)))
    await asyncio.wait_for(updates.apply(message()), 30)
    assert [uid for uid, _ in channels.given] == [UID]
    answers.set()
    await asyncio.gather(*waiting)


async def test_a_job_that_waits_or_has_ended_is_given_nothing(tmp_path: Path) -> None:
    channels = Channels()
    with pytest.raises(NotNow):
        await Updates(table(tmp_path / "a", status=1), channels, POLICY).apply(message())
    await Updates(table(tmp_path / "b", stage=Stage.ENDED), channels, POLICY).apply(message())
    assert channels.given == []


async def test_bad_content_changes_nothing(tmp_path: Path) -> None:
    channels = Channels()
    bad = request(pod(container(volumeMounts=MOUNTS[:1]), volumes=VOLUMES[:1]))
    with pytest.raises(Rejected, match='ConfigMap "web" did not come'):
        await Updates(table(tmp_path), channels, POLICY).apply(bad)
    assert channels.given == []


async def test_without_channels_an_update_is_refused_in_a_sentence(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    asked = {"pod": {"metadata": {"uid": uid}, "spec": {"containers": []}}, "container": []}
    code, text = await sidecar.call("POST", "/update", asked)
    assert code == 501
    assert "channels are off" in text
