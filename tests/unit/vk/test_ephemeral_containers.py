"""`kubectl debug`: ephemeral containers are handed over once their job runs, shown as a kubelet shows them, and hold up nothing."""

import asyncio
from typing import Any

import msgspec
import pytest
from interlink.protocol.errors import LostTrack, NotNow, Rejected
from interlink.protocol.types import PodStatus
from virtual_kubelet.control.ephemeral_containers import EphemeralContainers
from virtual_kubelet.core import status
from virtual_kubelet.core.admission import check_waiting, refusal
from virtual_kubelet.core.create_request import create_request, needed_objects
from virtual_kubelet.core.object_store import ObjectStore
from virtual_kubelet.core.volumes import VolumePolicy
from virtual_kubelet.model.known_pod import KnownPod, Obstacle

from tests.unit.vk.pods import UID, Json, container, pod
from tests.unit.vk.test_refresh import CONFIG, INTERVAL, KEYS, NODE, SECRET, TRANSLATION, WEB, World

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
ENDED = {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": None, "finishedAt": None}}
QUEUED = {"waiting": {"reason": "Pending", "message": "HTCondor job 1.0 waits for a free slot"}}
FROM_SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}


def told(*ephemeral: Json, state: Json = RUNNING) -> PodStatus:
    return PodStatus("p", UID, "ns", "il-1", [{"name": "a", "state": state}], ephemeralContainers=list(ephemeral))


class Debugged(World):
    """A world in which one running pod gets ephemeral containers."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        parts: tuple[Any, ...] = (self.registry, self.site, self.reader, self.told)
        self.ephemeral = EphemeralContainers(
            *parts, translation=TRANSLATION, node=lambda: NODE, show=self.shown.append, clock=lambda: self.now
        )

    async def pass_time(self, seconds: float = INTERVAL) -> None:
        """Look every second, for ephemeral containers and for all else."""
        for _ in range(int(seconds) + 1):
            self.ephemeral.look()
            while not self.ephemeral.queue.idle:
                await asyncio.sleep(0)
            if self.site.updates:
                await self.refresher.look()
            while not self.refresher.queue.idle:
                await asyncio.sleep(0)
            self.now += 1

    async def add(self, *containers: Json, state: Json = RUNNING, phase: str = "Running", **fields: Any) -> KnownPod:
        entry = await self.runs(volumes=fields.pop("volumes", []), **fields)
        self.say(entry, state=state)
        self.change(entry, ephemeralContainers=list(containers))
        entry.phase = phase
        return entry

    def say(self, entry: KnownPod, *names: str, state: Json = RUNNING) -> None:
        """The site speaks of the pod, and of these ephemeral containers."""
        entry.report = msgspec.json.encode(told(*({"name": name, "state": RUNNING} for name in names), state=state))

    def sent(self, number: int = -1) -> list[str]:
        return [each["name"] for each in self.site.given[number].pod["spec"].get("ephemeralContainers", [])]


@pytest.fixture
async def world() -> Debugged:
    return Debugged()


async def test_it_is_sent_with_its_environment_until_the_site_speaks_of_it(world: Debugged) -> None:
    world.api.put(KEYS, {"k": "c2VjcmV0"})
    entry = await world.add(container("d", env=[FROM_SECRET, {"name": "X", "value": "$(KEY)!"}], stdin=True))
    await world.pass_time(1)
    (request,) = world.site.given
    (found,) = request.pod["spec"]["ephemeralContainers"]
    assert found["env"] == [{"name": "KEY", "value": "secret"}, {"name": "X", "value": "secret!"}]
    assert (found["stdin"], request.pod["spec"]["containers"][0].get("env")) == (True, None)
    await world.pass_time(20)
    assert 2 <= len(world.site.given) <= 6, "again, more and more seldom"
    world.say(entry, "d")
    world.site.given.clear()
    await world.pass_time(3 * INTERVAL)
    assert (world.site.given, world.told.events, entry.obstacles) == ([], [], {})


async def test_a_later_one_is_sent_when_it_comes(world: Debugged) -> None:
    entry = await world.add(container("d"))
    await world.pass_time(1)
    world.say(entry, "d")
    world.change(entry, ephemeralContainers=[container("d"), container("e")])
    await world.pass_time(1)
    assert world.sent() == ["d", "e"], "whole, since what they mount is kept fresh"


async def test_one_of_a_queued_pod_waits_for_its_job_and_goes_when_that_runs(world: Debugged) -> None:
    entry = await world.add(container("d"), state=QUEUED, phase="Pending")
    await world.pass_time(200)
    assert world.site.given == []
    world.say(entry, state={"waiting": {"reason": "ContainerCreating"}})
    world.site.failure = NotNow("the pod's job is not connected to the job channel")
    await world.pass_time(60)
    assert entry.obstacles["d"].message.endswith("trying again: the pod's job is not connected to the job channel")
    assert world.told.events == []
    world.site.failure = None
    world.say(entry)
    await world.pass_time(0)
    assert world.sent() == ["d"], "at once, whatever the pause was"


async def test_one_that_lacks_its_secret_waits_and_the_others_go(world: Debugged) -> None:
    entry = await world.add(container("bad", env=[FROM_SECRET]), container("good"))
    await world.pass_time(1)
    assert world.sent(0) == ["good"]
    world.say(entry, "good")
    world.site.given.clear()
    await world.pass_time(60)
    assert world.site.given == []
    assert entry.obstacles["bad"] == Obstacle("CreateContainerConfigError", 'secret "keys" not found')
    assert world.told.events == [("Failed", 'Error: secret "keys" not found')]
    assert world.told.parts == ["spec.ephemeralContainers{bad}"]
    assert world.shown == [entry.uid]
    world.api.put(KEYS, {"k": "eA=="})
    await world.pass_time(130)
    assert world.sent(0) == ["bad", "good"]


async def test_one_without_its_secret_keeps_no_volume_from_being_fresh(world: Debugged) -> None:
    await world.add(container("bad", env=[FROM_SECRET]), volumes=[CONFIG])
    world.api.put(WEB, {"a": "2"})
    await world.pass_time()
    assert world.content(0) == [{"a": "2"}]


async def test_where_nothing_reaches_the_job_that_is_said_once(world: Debugged) -> None:
    entry = await world.add(container("d"))
    world.site.failure = LostTrack("job channels are off at this site", 501)
    await world.pass_time(2 * INTERVAL)
    world.change(entry, ephemeralContainers=[container("d"), container("e")])
    await world.pass_time(0)
    words = "not started: job channels are off at this site"
    assert entry.obstacles == {name: Obstacle("ProviderUnable", words) for name in "de"}
    assert world.told.events == [("ProviderUnable", words)] * 2, "and nothing of volumes, of which it has none"


async def test_a_site_that_takes_no_updates_is_not_asked(world: Debugged) -> None:
    entry = await world.add(container("d"), state=QUEUED, phase="Pending")
    world.site.updates, world.site.heard = False, True  # type: ignore[attr-defined]
    await world.pass_time(10)
    assert world.site.given == []
    assert entry.obstacles["d"].reason == "ProviderUnable" and "job channel" in entry.obstacles["d"].message
    assert [reason for reason, _ in world.told.events] == ["ProviderUnable"]
    # the site was given another sidecar
    world.site.updates = True
    world.say(entry)
    await world.pass_time(1)
    assert world.sent() == ["d"]


async def test_content_that_the_site_refuses_keeps_it_waiting_in_the_site_s_words(world: Debugged) -> None:
    entry = await world.add(container("d"), volumes=[CONFIG])
    world.site.failure = Rejected(['"../x" can\'t be a path'])
    await world.pass_time(1)
    reason, message = entry.obstacles["d"]
    assert (reason, '"../x" can\'t be a path' in message) == ("CreateContainerConfigError", True)
    world.site.failure = None
    await world.pass_time(10)
    assert world.sent() == ["d"]


async def test_a_virtual_kubelet_that_was_restarted_sends_what_the_site_does_not_speak_of(world: Debugged) -> None:
    entry = await world.add(container("d"), inherited=True)
    world.say(entry, "d")
    await world.pass_time(3 * INTERVAL)
    assert world.site.given == []
    world.change(entry, ephemeralContainers=[container("d"), container("e")])
    entry.report = None
    await world.pass_time(10)
    assert world.site.given == [], "nothing was heard yet of what the site has"
    world.say(entry, "d")
    await world.pass_time(1)
    assert world.sent() == ["d", "e"]


async def test_one_of_a_pod_that_goes_is_not_sent(world: Debugged) -> None:
    entry = await world.add(container("d"))
    entry.deleting = True
    await world.pass_time(10)
    assert world.site.given == []


async def test_what_it_mounts_goes_with_it_claims_included(world: Debugged) -> None:
    claim = "/api/v1/namespaces/ns/persistentvolumeclaims/data"
    world.api.put(claim, {}, spec={"volumeName": "pv", "storageClassName": "eos"}, status={"phase": "Bound"})
    world.api.put(KEYS, {"k": "eA=="})
    mounted = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    mounts = [{"name": "d", "mountPath": "/d"}, {"name": "v", "mountPath": "/v"}]
    await world.add(container("x", volumeMounts=mounts), volumes=[CONFIG, SECRET, mounted])
    await world.pass_time(0)
    (request,) = world.site.given
    assert isinstance(request.claims, list)
    assert [(each["volume"], each["storageClass"]) for each in request.claims] == [("d", "eos")]
    assert ([each["metadata"]["name"] for each in request.configmaps or []], request.secrets or []) == (["web"], [])
    assert world.told.events == []


def test_a_create_is_without_them_and_does_not_wait_for_what_they_need() -> None:
    thing = pod(ephemeralContainers=[container("d", env=[FROM_SECRET], securityContext={"runAsUser": 0})])
    thing["spec"]["securityContext"] = {"runAsNonRoot": True}
    assert needed_objects(thing, VolumePolicy()) == set()
    check_waiting(thing)
    assert refusal(thing, "x") is None
    request = create_request(thing, ObjectStore("ns", {}), NODE, TRANSLATION)
    assert "ephemeralContainers" not in request.pod["spec"]


def shown(thing: Json, report: PodStatus | None, **obstacles: Obstacle) -> Json:
    return status.next_status(thing, report, "10.0.0.1", "2026-01-01T00:00:09Z", obstacles)


def test_statuses_are_a_kubelet_s() -> None:
    thing = pod(ephemeralContainers=[container("d"), container("e")], status={"phase": "Running"})
    waiting = shown(thing, told())
    assert [each["state"] for each in waiting["ephemeralContainerStatuses"]] == [
        {"waiting": {"reason": "ContainerCreating"}}
    ] * 2
    thing["status"] = waiting
    said = {"name": "d", "state": RUNNING, "ready": True, "started": True, "containerID": "apptainer://1"}
    running = shown(thing, told(said), e=Obstacle("ProviderUnable", "not started: no"))
    d, e = running["ephemeralContainerStatuses"]
    assert (d["state"], d["ready"], d["containerID"], "started" in d) == (RUNNING, False, "apptainer://1", False)
    assert e["state"] == {"waiting": {"reason": "ProviderUnable", "message": "not started: no"}}
    thing["status"] = running
    assert shown(thing, told(), d=Obstacle("ContainerCreating", "trying again")) == running, (
        "what ran never waits again"
    )
    ended = shown(thing, told({"name": "d", "state": ENDED}))
    assert ended["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    thing["status"] = ended
    assert shown(thing, told(said))["ephemeralContainerStatuses"] == ended["ephemeralContainerStatuses"]


@pytest.mark.parametrize("state", [RUNNING, ENDED])
def test_it_counts_neither_for_the_phase_nor_for_a_condition(state: Json) -> None:
    plain = pod(status={"phase": "Running"})
    with_it = pod(ephemeralContainers=[container("d")], status={"phase": "Running"})
    report = PodStatus("p", UID, "ns", "il-1", [{"name": "a", "state": RUNNING, "ready": True}])
    with_report = msgspec.structs.replace(report, ephemeralContainers=[{"name": "d", "state": state}])
    found = shown(with_it, with_report)
    found.pop("ephemeralContainerStatuses")
    assert found == shown(plain, report)


def test_with_the_pod_it_ends_if_it_ran() -> None:
    thing = pod(ephemeralContainers=[container("d"), container("e")], status={"phase": "Running"})
    thing["status"] = shown(thing, told({"name": "d", "state": RUNNING}))
    gone = status.deleted(thing, "10.0.0.1", "2026-01-01T00:00:09Z")
    d, e = gone["ephemeralContainerStatuses"]
    assert (d["state"]["terminated"]["exitCode"], list(e["state"])) == (137, ["waiting"])
    assert gone["phase"] == "Failed"
