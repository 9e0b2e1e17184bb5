"""Running pods are told of what changed, once, and of nothing else; each object is read once however many pods mount it."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow, Rejected
from interlink.protocol.types import CreateRequest
from kubernetes_client.answer import ApiError
from virtual_kubelet.control.object_polls import MOST_READS, ObjectPolls
from virtual_kubelet.control.refresher import FIXED_SECONDS, OVERDUE_SECONDS, UPDATES_AT_ONCE, Refresher
from virtual_kubelet.core.create_request import Translation, needed_objects
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectName
from virtual_kubelet.core.refresh import delivered, volume_objects, wanted
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import VolumePolicy, token_requests
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import Json, container, pod

NODE = NodeFacts("node", "10.0.0.1")
INTERVAL = 30.0
TRANSLATION = Translation()
CONFIG = {"name": "v", "configMap": {"name": "web"}}
SECRET = {"name": "s", "secret": {"secretName": "keys"}}
LABELS = {
    "name": "d",
    "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
}
TOKEN = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 600}}]}}


class Api:
    """An API server with objects whose version grows with every change."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.reads: Counter[str] = Counter()
        self.tokens = 0
        self.token_requests = 0
        self.broken = False
        self.forbidden: set[str] = set()
        self.accounts = True

    def put(self, path: str, data: dict[str, str], **more: Any) -> None:
        name = path.rpartition("/")[2]
        version = str(
            len(self.objects) + int(self.objects.get(path, {}).get("metadata", {}).get("resourceVersion", "1"))
        )
        self.objects[path] = {"metadata": {"name": name, "resourceVersion": version}, "data": data, **more}

    async def get(self, path: str) -> Json:
        self.reads[path] += 1
        await asyncio.sleep(0)
        if self.broken:
            raise ApiError(500, "broken")
        if path in self.forbidden:
            raise ApiError(403, "forbidden")
        if path not in self.objects:
            raise ApiError(404, "no such object")
        found = self.objects[path]
        return found | {"metadata": dict(found["metadata"])}

    async def post(self, _path: str, _body: Json) -> Json:
        self.token_requests += 1
        if not self.accounts:
            raise ApiError(404, "no such account")
        self.tokens += 1
        return {"status": {"token": f"token-{self.tokens}"}}


class Site:
    """Takes updates, or fails so."""

    def __init__(self) -> None:
        self.updates = True
        self.failure: InterlinkError | None = None
        self.given: list[CreateRequest] = []
        self.hangs: set[str] = set()
        self.refused = 0

    async def update(self, request: CreateRequest) -> None:
        while request.pod["metadata"]["name"] in self.hangs:
            await asyncio.sleep(0)
        if self.failure is not None:
            self.refused += 1
            raise self.failure
        self.given.append(request)


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.parts: list[str] = []

    def pod(self, _pod: KnownPod, _kind: str, reason: str, message: str, part: str = "") -> None:
        self.events.append((reason, message))
        self.parts.append(part)


WEB, KEYS = "/api/v1/namespaces/ns/configmaps/web", "/api/v1/namespaces/ns/secrets/keys"


class World:
    """One virtual node, its API server and its site, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.api, self.site, self.told, self.registry, self.now = Api(), Site(), Told(), Registry(), 1_767_225_600.0
        self.registry.complete = True
        self.version = 10
        api: Any = self.api
        self.reader = ObjectReader(api, [])
        parts: tuple[Any, ...] = (self.registry, self.site, self.reader, self.told)
        self.refresher = Refresher(
            *parts,
            translation=TRANSLATION,
            node=lambda: NODE,
            interval=INTERVAL,
            clock=lambda: self.now,
        )
        self.api.put(WEB, {"a": "1"})

    async def runs(self, number: int = 1, *, inherited: bool = False, **fields: Any) -> KnownPod:
        """A running pod with these volumes, handed over by us unless it is inherited."""
        volumes = fields.pop("volumes", [CONFIG])
        mounts = fields.pop("mounts", [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes])
        uid = f"5b0c4f6e-0000-4000-8000-{number:012}"
        meta = {"uid": uid, "name": f"p{number}", **fields.pop("metadata", {})}
        thing = pod(
            [container("a", volumeMounts=mounts)],
            volumes=volumes,
            metadata=meta,
            status={"phase": "Running"},
            **fields,
        )
        self.registry.seen(thing)
        entry = self.registry.get(uid)
        assert entry is not None
        entry.stage = Stage.SUBMITTED
        if not inherited:
            policy = TRANSLATION.volumes
            store = await self.reader.fetch(thing, needed_objects(thing, policy), token_requests(thing, policy))
            entry.delivered = delivered(thing, store, NODE, TRANSLATION)
        return entry

    def change(self, entry: KnownPod, **changes: Any) -> None:
        """Somebody changes the pod's metadata or spec."""
        self.version += 1
        thing = entry.pod()
        thing["metadata"] |= changes.pop("metadata", {}) | {"resourceVersion": str(self.version)}
        thing["spec"] |= changes
        self.registry.seen(thing)

    async def pass_time(self, seconds: float = INTERVAL) -> None:
        """Look every second."""
        for _ in range(int(seconds) + 1):
            await self.refresher.look()
            while not self.refresher.queue.idle:
                await asyncio.sleep(0)
            self.now += 1

    def content(self, number: int = -1) -> Any:
        request = self.site.given[number]
        return [each["data"] for each in (*(request.configmaps or []), *(request.projectedvolumesmaps or []))]


@pytest.fixture
async def world() -> World:
    return World()


async def test_what_did_not_change_is_not_sent(world: World) -> None:
    await world.runs()
    await world.pass_time(3 * INTERVAL)
    assert world.site.given == []


async def test_a_changed_configmap_reaches_every_pod_that_mounts_it_once(world: World) -> None:
    for number in range(5):
        await world.runs(number)
    await world.pass_time()
    world.api.put(WEB, {"a": "2"})
    await world.pass_time(2 * INTERVAL)
    assert len(world.site.given) == 5
    assert world.content() == [{"a": "2"}]
    assert "env" not in world.site.given[0].pod["spec"]["containers"][0]


async def test_an_object_is_read_once_per_interval_however_many_pods_mount_it(world: World) -> None:
    for number in range(20):
        await world.runs(number)
    world.api.reads.clear()
    await world.pass_time(10 * INTERVAL)
    assert 9 <= world.api.reads[WEB] <= 11


async def test_nothing_is_read_of_what_no_running_pod_mounts(world: World) -> None:
    entry = await world.runs()
    await world.pass_time()
    world.change(entry)
    entry.phase = "Succeeded"
    world.api.reads.clear()
    await world.pass_time(3 * INTERVAL)
    assert not world.api.reads


async def test_a_new_version_with_the_same_content_is_not_sent(world: World) -> None:
    await world.runs()
    await world.pass_time()
    world.api.put(WEB, {"a": "1"})
    await world.pass_time(2 * INTERVAL)
    assert world.site.given == []


async def test_a_change_before_the_pod_ran_is_sent_when_it_runs(world: World) -> None:
    await world.runs()
    world.api.put(WEB, {"a": "2"})
    await world.pass_time()
    assert world.content() == [{"a": "2"}]


@pytest.mark.parametrize(
    ("volume", "mount", "more"),
    [
        (CONFIG, {"name": "v", "mountPath": "/v/a", "subPath": "a"}, {}),
        (CONFIG, {"name": "v", "mountPath": "/v/a", "subPathExpr": "$(X)"}, {}),
        (CONFIG, {"name": "v", "mountPath": "/v"}, {"immutable": True}),
    ],
)
async def test_sub_paths_and_immutable_objects_stay(world: World, volume: Json, mount: Json, more: Json) -> None:
    world.api.put(WEB, {"a": "1"}, **more)
    await world.runs(volumes=[volume], mounts=[mount])
    await world.pass_time()
    world.api.reads.clear()
    world.api.put(WEB, {"a": "2"}, **more)
    await world.pass_time(3 * INTERVAL)
    assert world.site.given == []
    assert not world.api.reads


@pytest.mark.parametrize(
    "beside",
    [
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
        {"csi": {"driver": "cvmfs.csi.cern.ch"}},
        {"hostPath": {"path": "/cvmfs"}},
        {"emptyDir": {}},
    ],
    ids=lambda volume: next(iter(volume)),
)
async def test_what_changed_is_sent_without_the_volumes_beside_it(world: World, beside: Json) -> None:
    await world.runs(volumes=[CONFIG, {"name": "data", **beside}], inherited=True)
    await world.pass_time()
    assert world.told.events == []
    (request,) = world.site.given
    assert world.content() == [{"a": "1"}]
    assert [volume["name"] for volume in request.pod["spec"]["volumes"]] == ["v"]
    assert [mount["name"] for mount in request.pod["spec"]["containers"][0]["volumeMounts"]] == ["v"]


async def test_labels_reach_a_downward_volume_and_no_other(world: World) -> None:
    with_labels = await world.runs(1, volumes=[LABELS], metadata={"labels": {"x": "1"}})
    without = await world.runs(2, metadata={"labels": {"x": "1"}})
    await world.pass_time(2)
    for entry in (with_labels, without):
        world.change(entry, metadata={"labels": {"x": "2"}})
    await world.pass_time(2)
    assert [request.pod["metadata"]["name"] for request in world.site.given] == ["p1"]
    assert world.content() == [{"labels": 'x="2"'}]


async def test_a_deadline_that_was_shortened_is_sent(world: World) -> None:
    entry = await world.runs(volumes=[], activeDeadlineSeconds=600)
    await world.pass_time(2)
    assert world.site.given == []
    world.change(entry, activeDeadlineSeconds=60)
    await world.pass_time(2)
    assert [request.pod["spec"]["activeDeadlineSeconds"] for request in world.site.given] == [60]


async def test_a_deadline_that_was_set_later_is_sent(world: World) -> None:
    entry = await world.runs(volumes=[])
    await world.pass_time(2)
    world.change(entry, activeDeadlineSeconds=60)
    await world.pass_time(2)
    assert len(world.site.given) == 1


async def test_tokens_are_renewed_at_four_fifths_of_their_life(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtual_kubelet.io.objects.time.time", lambda: world.now)
    await world.runs(volumes=[TOKEN])
    await world.pass_time(478)
    assert (world.api.tokens, world.site.given) == (1, [])
    await world.pass_time(3)
    assert world.api.tokens == 2
    assert world.content() == [{"token": "token-2"}]


async def test_an_inherited_pod_is_sent_everything_once(world: World) -> None:
    await world.runs(inherited=True)
    await world.runs(2, inherited=True, volumes=[])
    await world.pass_time(3 * INTERVAL)
    assert [request.pod["metadata"]["name"] for request in world.site.given] == ["p1"]


async def test_a_site_that_can_t_is_asked_once_and_the_owner_is_told_once(world: World) -> None:
    entry = await world.runs()
    world.api.put(WEB, {"a": "2"})
    world.site.failure = LostTrack("job channels are off", 501)
    await world.pass_time(2 * INTERVAL)
    world.api.put(WEB, {"a": "3"})
    await world.pass_time(2 * INTERVAL)
    ((reason, message),) = world.told.events
    assert reason == "VolumesNotUpdated" and "job channels are off" in message
    assert entry.fixed


async def test_an_inherited_pod_at_a_site_that_can_t_is_told_about_only_when_something_changes(world: World) -> None:
    await world.runs(inherited=True)
    world.site.failure = LostTrack("job channels are off", 501)
    await world.pass_time(2 * INTERVAL)
    assert world.told.events == []
    world.api.put(WEB, {"a": "2"})
    await world.pass_time(2 * INTERVAL)
    assert [reason for reason, _ in world.told.events] == ["VolumesNotUpdated"]


async def test_a_site_that_is_away_is_tried_again_until_it_took_it(world: World) -> None:
    await world.runs()
    world.api.put(WEB, {"a": "2"})
    world.site.failure = NotNow("away")
    await world.pass_time(2 * INTERVAL)
    assert world.told.events == []
    world.site.failure = None
    await world.pass_time(130)
    assert len(world.site.given) == 1


async def test_content_that_the_site_refuses_is_not_sent_again_until_it_changes(world: World) -> None:
    await world.runs()
    world.api.put(WEB, {"../x": "2"})
    world.site.failure = Rejected(['"../x" can\'t be a path'])
    await world.pass_time(2 * INTERVAL)
    assert [reason for reason, _ in world.told.events] == ["UpdateRejected"]
    world.site.failure = None
    world.api.put(WEB, {"x": "2"})
    await world.pass_time(2 * INTERVAL)
    assert len(world.site.given) == 1


def named(request: CreateRequest) -> list[str]:
    return [volume["name"] for volume in request.pod["spec"]["volumes"]]


async def test_an_object_that_vanished_leaves_its_volume_as_it_was(world: World) -> None:
    await world.runs()
    await world.pass_time()
    del world.api.objects[WEB]
    await world.pass_time(2 * INTERVAL)
    assert world.site.given == []
    assert world.told.events == [("FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "web" not found')]
    world.api.put(WEB, {"a": "1"})
    await world.pass_time(2 * INTERVAL)
    assert world.site.given == [], "what came back is what the pod has"
    world.api.put(WEB, {"a": "2"})
    await world.pass_time(2 * INTERVAL)
    assert world.content() == [{"a": "2"}]


async def test_a_volume_that_can_t_be_made_holds_up_no_other_and_no_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtual_kubelet.io.objects.time.time", lambda: world.now)
    world.api.put(KEYS, {"k": "djE="})
    await world.runs(volumes=[CONFIG, SECRET, TOKEN])
    del world.api.objects[WEB]
    await world.pass_time(2 * INTERVAL)
    world.api.put(KEYS, {"k": "djI="})
    await world.pass_time(2 * INTERVAL)
    (changed,) = world.site.given
    assert named(changed) == ["s", "t"]
    assert changed.secrets is not None and changed.secrets[0]["data"] == {"k": "djI="}
    await world.pass_time(500)
    assert [named(request) for request in world.site.given] == [["s", "t"]] * 2
    assert world.content()[-1] == {"token": "token-3"}


async def test_a_token_that_can_t_be_had_holds_up_no_volume_and_is_asked_for_less_and_less(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtual_kubelet.io.objects.time.time", lambda: world.now)
    await world.runs(volumes=[CONFIG, TOKEN])
    world.api.accounts = False
    await world.pass_time(480 + 600)
    assert 5 <= world.api.token_requests <= 20
    assert world.site.given == []
    ((reason, message), *_) = world.told.events
    assert reason == "FailedMount" and "no such account" in message
    world.api.put(WEB, {"a": "2"})
    await world.pass_time(2 * INTERVAL)
    assert [named(request) for request in world.site.given] == [["v"]]
    world.api.accounts = True
    await world.pass_time(130)
    assert world.content()[-1] == {"token": "token-2"}


async def test_nothing_is_read_of_a_namespace_that_is_not_the_node_s_any_more(world: World) -> None:
    await world.runs(volumes=[CONFIG, TOKEN], inherited=True)
    api: Any = world.api
    world.refresher = Refresher(
        world.registry,
        world.site,  # type: ignore[arg-type]
        ObjectReader(api, ["another"]),
        world.told,  # type: ignore[arg-type]
        translation=TRANSLATION,
        node=lambda: NODE,
        interval=INTERVAL,
        clock=lambda: world.now,
    )
    world.api.reads.clear()
    await world.pass_time(3 * INTERVAL)
    assert (world.site.given, world.api.token_requests, world.api.reads.total()) == ([], 0, 0)
    assert {reason for reason, _ in world.told.events} == {"FailedMount"}


async def test_what_may_not_be_read_holds_up_no_other_volume(world: World) -> None:
    world.api.put(KEYS, {"k": "djE="})
    await world.runs(volumes=[CONFIG, SECRET], inherited=True)
    world.api.forbidden = {KEYS}
    await world.pass_time(2 * INTERVAL)
    assert [named(request) for request in world.site.given] == [["v"]]
    assert {reason for reason, _ in world.told.events} == {"FailedMount"}
    world.api.forbidden = set()
    await world.pass_time(130)
    assert named(world.site.given[-1]) == ["v", "s"]


@pytest.mark.parametrize("inherited", [True, False])
@pytest.mark.parametrize("absent", [True, False], ids=["absent", "forbidden"])
async def test_what_is_missing_is_not_looked_for_all_the_time(world: World, inherited: bool, absent: bool) -> None:
    await world.runs(inherited=inherited)
    await world.pass_time()
    if absent:
        del world.api.objects[WEB]
    else:
        world.api.forbidden = {WEB}
    if inherited:
        world.registry.forget("5b0c4f6e-0000-4000-8000-000000000001")
        await world.pass_time(0)
        await world.runs(inherited=True)
    world.api.reads.clear()
    await world.pass_time(20 * INTERVAL)
    assert 19 <= world.api.reads[WEB] <= 20 + 12, "once an interval, and a few tries of the pod's own"


async def test_an_api_server_that_fails_changes_nothing(world: World) -> None:
    await world.runs()
    world.api.broken = True
    world.api.put(WEB, {"a": "2"})
    await world.pass_time(2 * INTERVAL)
    assert world.site.given == []
    world.api.broken = False
    await world.pass_time(2 * INTERVAL)
    assert len(world.site.given) == 1


async def test_the_owner_is_told_once_of_an_update_that_is_overdue(world: World) -> None:
    await world.runs()
    world.api.put(WEB, {"a": "2"})
    world.site.failure = NotNow("the job is not connected")
    await world.pass_time(INTERVAL + OVERDUE_SECONDS / 2)
    assert world.told.events == []
    await world.pass_time(20 * OVERDUE_SECONDS)
    ((reason, message),) = world.told.events
    assert reason == "VolumesNotUpdated" and "the job is not connected" in message
    world.site.failure = None
    await world.pass_time(130)
    world.site.failure = NotNow("again")
    world.api.put(WEB, {"a": "3"})
    await world.pass_time(10 * OVERDUE_SECONDS)
    assert len(world.told.events) == 2, "of another time it is told anew"


async def test_what_the_job_says_against_an_update_is_told(world: World) -> None:
    await world.runs()
    world.api.put(WEB, {"a": "2"})
    world.site.failure = LostTrack("OSError: No space left on device", 500)
    await world.pass_time(2 * INTERVAL)
    assert {reason for reason, _ in world.told.events} == {"VolumesNotUpdated"}
    assert "No space left" in world.told.events[0][1]
    world.site.failure = None
    await world.pass_time(130)
    assert len(world.site.given) == 1


async def test_jobs_that_don_t_answer_hold_up_no_look_and_no_other_pod(world: World) -> None:
    for number in range(UPDATES_AT_ONCE):
        await world.runs(number)
        world.site.hangs |= {f"p{number}"} if number else set()
    world.api.put(WEB, {"a": "2"})
    for _ in range(int(INTERVAL) + 2):
        await world.refresher.look()
        world.now += 1
    for _ in range(1000):
        await asyncio.sleep(0)
    assert [request.pod["metadata"]["name"] for request in world.site.given] == ["p0"]
    world.site.hangs.clear()
    await world.pass_time(1)
    assert len(world.site.given) == UPDATES_AT_ONCE


async def test_a_job_that_was_said_to_be_out_of_reach_is_tried_again_after_minutes(world: World) -> None:
    """A sidecar that was started anew may not know that the job will connect to it."""
    entry = await world.runs()
    world.api.put(WEB, {"a": "2"})
    world.site.failure = LostTrack("it can't be reached", 501)
    await world.pass_time(3 * FIXED_SECONDS)
    assert 2 <= world.site.refused <= 4, "it is tried less and less"
    assert [reason for reason, _ in world.told.events] == ["VolumesNotUpdated"]
    world.site.failure = None
    await world.pass_time(5 * FIXED_SECONDS)
    assert world.content() == [{"a": "2"}]
    assert not entry.fixed


async def test_many_objects_are_read_in_turns(world: World) -> None:
    polls = ObjectPolls(world.reader, interval=1)
    keys = [("ns", ObjectName("configmap", f"c{number}")) for number in range(3 * MOST_READS)]
    polls.follow(keys, world.now)
    for turn in range(1, 4):
        await polls.look(world.now + 2)
        assert sum(world.api.reads.values()) == turn * MOST_READS
    assert len(world.api.reads) == 3 * MOST_READS, "some were read twice before others were read at all"


def test_what_a_pod_depends_on() -> None:
    policy = VolumePolicy()
    thing = pod(
        [
            container(
                "a", volumeMounts=[{"name": "v", "mountPath": "/v"}, {"name": "s", "mountPath": "/s", "subPath": "k"}]
            )
        ],
        volumes=[CONFIG, SECRET, {"name": "e", "emptyDir": {}}],
    )
    assert wanted(thing, policy).objects == {("configmap", "web")}
    assert volume_objects(thing, policy) == {("configmap", "web"), ("secret", "keys")}
    assert wanted(pod(), policy).nothing
