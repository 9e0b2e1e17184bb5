"""What somebody who waits for a server is told, and when waiting has no sense any more."""

import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hub_config.spawn import failures
from hub_config.spawn.refusal import Refusal
from kubernetes_asyncio.client.rest import ApiException

from tests.unit.hub_config.cluster import joined

Make = Callable[..., Any]


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """A pod whose container waits, as KubeSpawner's reflector has it."""
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "notebook", "image": "r.test/a:1", "ready": False, "state": state}
    return pod(containerStatuses=[container])


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "jupyter-mario"}, "status": {"phase": "Pending", "podIP": None, **status}}


def unscheduled(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(conditions=[condition])


NOT_FOUND = 'failed to resolve reference "r.test/a:1": r.test/a:1: not found'
DEADLINE = "context deadline exceeded"
RESERVED = 'failed to reserve container name "notebook_jupyter-mario_hub_0": name is reserved for "8c1f"'
ROOT = "container has runAsNonRoot and image will run as root (pod: ...)"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (waiting("ErrImagePull", f"rpc error: code = NotFound desc = {NOT_FOUND}"), 'no image "r.test/a:1"'),
        (waiting("ImagePullBackOff", f'Back-off pulling image "r.test/a:1": ErrImagePull: {NOT_FOUND}'), "no image"),
        (waiting("ErrImagePull", "manifest unknown"), "no image"),
        (waiting("ErrImagePull", "pull access denied, repository does not exist"), "no image"),
        (waiting("ErrImagePull", "401 Unauthorized"), "registry doesn't let us"),
        (waiting("InvalidImageName"), "no image reference"),
        (waiting("ErrImageNeverPull"), "not on the machine"),
        (waiting("CreateContainerConfigError", ROOT), "running as root"),
        (waiting("RunContainerError", 'exec: "jupyterhub-singleuser": executable file not found'), "lacks jupyterhub"),
        (waiting("CrashLoopBackOff", "back-off 10s restarting"), "doesn't start (CrashLoopBackOff"),
        (
            pod(containerStatuses=[{"image": "r.test/a:1", "state": {"terminated": {"exitCode": 3}}}]),
            "exit code 3",
        ),
        (
            pod(containerStatuses=[{"image": "a", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]),
            "more memory",
        ),
        # trying again may help
        (waiting("CreateContainerError", DEADLINE), None),
        (waiting("RunContainerError", DEADLINE), None),
        (waiting("CreateContainerError", RESERVED), None),
        (waiting("CreateContainerConfigError", DEADLINE), "doesn't start (CreateContainerConfigError"),
        (waiting("ErrImagePull", "dial tcp: i/o timeout"), None),
        (waiting("ImagePullBackOff", "Back-off pulling image"), None),
        (waiting("ContainerCreating"), None),
        (waiting("PodInitializing"), None),
        (pod(containerStatuses=None), None),
        (pod(), None),
        ({"status": None}, None),
    ],
)
def test_a_start_without_hope_is_told_from_one_that_takes_time(seen: dict[str, Any], words: str | None) -> None:
    found = failures.hopeless(seen)
    assert (words is None) == (found is None), found
    assert words is None or words in str(found)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("0/3 nodes are available: 3 Insufficient cpu.", "free cpu now"),
        ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", "free cpu and memory"),
        ('persistentvolumeclaim "cvmfs" not found', "volume isn't available"),
        ("0/3 nodes are available: 3 node(s) had untolerated taint", "untolerated taint"),
        ("", "no reason given"),
    ],
)
def test_why_no_machine_takes_the_server(message: str, words: str) -> None:
    assert words in str(failures.unschedulable(unscheduled(message)))
    assert words in str(failures.told({"reason": "FailedScheduling", "message": message}, "i"))


def test_a_pod_that_has_a_machine_is_not_unschedulable() -> None:
    assert failures.unschedulable(pod(conditions=[{"type": "PodScheduled", "status": "True"}])) is None
    assert failures.unschedulable(pod()) is None


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (
            403,
            'pods "jupyter-mario" is forbidden: exceeded quota: users, requested: pods=1, limited: pods=9',
            "users, requested",
        ),
        (
            403,
            'pods "jupyter-mario" is forbidden: violates PodSecurity "restricted:latest": hostPath',
            "security rules",
        ),
        (403, "pods is forbidden: User cannot create resource", None),
        (500, "exceeded quota", None),
    ],
)
async def test_what_kubernetes_refuses_is_told(spawner: Make, status: int, message: str, words: str | None) -> None:
    one = spawner()
    refusal = ApiException(status=status)
    refusal.body = json.dumps({"kind": "Status", "message": message}).encode()

    async def create(*_: Any) -> None:
        raise refusal

    joined(one)
    one.api.create_namespaced_pod = create
    if words is None:
        with pytest.raises(ApiException):
            await one._start()
        return
    with pytest.raises(Refusal) as raised:
        await one._start()
    assert words in raised.value.jupyterhub_message
    assert raised.value.status_code == 503


def starting(one: Any, done: bool = False) -> Any:
    one._start_future = SimpleNamespace(done=lambda: done)
    return one


async def test_a_start_ends_as_soon_as_there_is_no_hope(spawner: Make) -> None:
    with pytest.raises(Refusal, match="no image") as refused:
        starting(spawner()).is_pod_running(waiting("ErrImagePull", NOT_FOUND))
    assert "no image" in refused.value.jupyterhub_message
    assert not starting(spawner(), done=True).is_pod_running(waiting("ErrImagePull", NOT_FOUND)), "only a start ends"
    assert not starting(spawner()).is_pod_running(None)


async def test_a_machine_is_waited_for_until_shortly_before_the_hub_gives_up(
    spawner: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, now = starting(spawner()), 1000.0
    one._waiting_since = now
    seen = unscheduled("3 Insufficient cpu")
    monkeypatch.setattr("hub_config.spawn.spawner.time", SimpleNamespace(monotonic=lambda: now))
    now += 260  # of 300
    assert not one.is_pod_running(seen)
    now += 15
    with pytest.raises(Refusal, match="free cpu"):
        one.is_pod_running(seen)


async def test_a_busy_machine_is_waited_for_as_long(spawner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = starting(spawner()), 1000.0
    one._waiting_since = now
    monkeypatch.setattr("hub_config.spawn.spawner.time", SimpleNamespace(monotonic=lambda: now))
    now += 260  # of 300
    assert not one.is_pod_running(waiting("CreateContainerError", DEADLINE))
    now += 15
    with pytest.raises(Refusal, match="too busy to start the server"):
        one.is_pod_running(waiting("CreateContainerError", RESERVED))
    assert not one.is_pod_running(waiting("ContainerCreating")), "the hub says how long it has waited"


async def test_progress_is_in_plain_words(spawner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(_self: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"message": "patience"}
        yield {
            "progress": 30,
            "raw_event": {"reason": "Scheduled", "message": "Successfully assigned"},
            "message": "raw",
        }
        yield {"progress": 50, "raw_event": {"reason": "Pulling", "message": "Pulling image"}, "message": "raw"}
        yield {"progress": 60, "raw_event": {"reason": "Unheard", "message": "x"}, "message": "raw"}

    monkeypatch.setattr("kubespawner.KubeSpawner.progress", steps)
    one = spawner({"reference": "registry.test/{braces}"})
    one.image = "registry.test/mine:1"
    told = [(step.get("progress"), step["message"]) async for step in one.progress()]
    assert told[0] == (None, "patience")
    assert told[1] == (30, "A machine was found.")
    assert "Fetching the image registry.test/mine:1" in told[2][1]
    assert told[3] == (60, "raw")


class Gate:
    """In place of the authenticator."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps

    async def keeps_server(self, _user: Any) -> bool:
        return self.keeps


@pytest.mark.parametrize(
    ("status", "keeps", "left", "stops"), [(None, True, None, 0), (None, False, 0, 1), (1, False, 1, 0)]
)
async def test_a_server_of_somebody_who_may_not_come_in_any_more_is_stopped(
    spawner: Make, monkeypatch: pytest.MonkeyPatch, status: int | None, keeps: bool, left: int | None, stops: int
) -> None:
    stopped = []

    async def poll(_self: Any) -> int | None:
        return status

    async def stop(_self: Any, now: bool = False) -> None:
        stopped.append(now)

    monkeypatch.setattr("kubespawner.KubeSpawner.poll", poll)
    monkeypatch.setattr("kubespawner.KubeSpawner.stop", stop)
    one = spawner()
    one.authenticator = Gate(keeps)
    monkeypatch.setattr(type(one), "ready", True)
    assert await one.poll() == left
    assert len(stopped) == stops


async def test_five_wrong_names_do_not_end_the_hub(spawner: Make) -> None:
    assert spawner().consecutive_failure_limit == 0, "z2jh sets 5 for all spawners"
