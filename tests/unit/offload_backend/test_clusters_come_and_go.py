"""Clusters from the request to the last pod, and everything in between that can end one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from dask_gateway_server.backends.db_base import JobStatus
from offload_backend.app.absences import Absences, Pods
from offload_backend.core import names

from tests.fakes.cluster_api import ClusterApi, Object
from tests.unit.offload_backend.conftest import SCHEDULER_IP, Gateway, until
from tests.unit.offload_backend.test_fates import ended, waiting

Start = Callable[..., Awaitable[Gateway]]


def status(state: dict[str, object]) -> list[dict[str, object]]:
    return [{"name": "dask", "state": state}]


async def test_a_cluster_has_a_secret_a_scheduler_and_the_workers_that_it_asks_for(start: Start) -> None:
    gateway = await start()
    name = await gateway.make(worker_cores=1)
    (secret,) = gateway.api.secrets.values()
    scheduler = gateway.api.pods[names.scheduler_name(name)]
    assert scheduler["metadata"]["ownerReferences"][0]["uid"] == secret["metadata"]["uid"]
    pods = await gateway.scaled(name, 3)
    for pod in pods:
        assert pod["metadata"]["ownerReferences"][0]["uid"] == scheduler["metadata"]["uid"]
        assert f"tls://{SCHEDULER_IP}:8786" in pod["spec"]["containers"][0]["command"]


async def test_a_cluster_that_is_ended_leaves_nothing(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.scaled(name, 5)
    assert (await gateway.ask("DELETE", f"clusters/{name}"))[0] == 204
    await until(lambda: not gateway.api.pods and not gateway.api.secrets)
    assert (await gateway.ended(name))["status"] == "STOPPED"


async def test_a_cluster_that_its_scheduler_ends_was_idle(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    headers = {"Authorization": f"token {gateway.cluster(name).token}"}
    assert (await gateway._send("DELETE", f"clusters/{name}", headers, {}))[0] == 204
    about = await gateway.ended(name)
    assert (about["status"], about["message"]) == ("STOPPED", "It computed nothing for 1h.")


async def test_scaling_down_takes_those_first_that_wait(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    pods = await gateway.scaled(name, 4)
    running = names.label(pods[0], names.WORKER_LABEL)
    await gateway.report(name, 1, active=[running])
    await until(lambda: len(gateway.workers(name)) == 1)
    assert names.label(gateway.workers(name)[0], names.WORKER_LABEL) == running


async def test_a_worker_that_fails_is_replaced_and_says_why(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    await gateway.report(name, 1, active=[worker])
    await gateway.api.become(pod["metadata"]["name"], "Failed", containerStatuses=status(ended(137, "OOMKilled")))
    await until(lambda: [p for p in gateway.workers(name) if p["metadata"]["name"] != pod["metadata"]["name"]])
    await until(lambda: gateway.cluster(name).workers[worker].stop_time)
    _, told = await gateway.ask("GET", f"clusters/{name}/workers")
    rows = {row["name"]: row for row in told["workers"]}
    assert (rows[worker]["state"], rows[worker]["reason"]) == ("failed", "OOMKilled")
    assert "worker_memory" in rows[worker]["message"]
    _, log = await gateway.ask("GET", f"clusters/{name}/workers/{worker}/logs?lines=1")
    assert log == {"log": "last line\n", "source": "kept"}


async def test_a_worker_at_the_end_of_its_life_is_replaced_and_no_failure(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    await gateway.report(name, 1, active=[names.label(pod, names.WORKER_LABEL)])
    await gateway.api.become(pod["metadata"]["name"], "Succeeded", containerStatuses=status(ended(0)))
    await until(lambda: [p for p in gateway.workers(name) if p["metadata"]["name"] != pod["metadata"]["name"]])
    assert gateway.cluster(name).worker_start_failure_count == 0


async def test_a_gap_that_a_departed_worker_leaves_is_filled(start: Start) -> None:
    """The scheduler sent it away for one too many, and meanwhile another failed."""
    gateway = await start()
    name = await gateway.make()
    one, two = [names.label(pod, names.WORKER_LABEL) for pod in await gateway.scaled(name, 2)]
    await gateway.report(name, 2, active=[one, two])
    await gateway.report(name, 2, active=[one], closing=[two])
    await gateway.report(name, 2, active=[one], closed=[two])
    await until(lambda: gateway.cluster(name).workers[two].status >= 5)
    await gateway.report(name, 2, active=[one])
    await until(lambda: len(gateway.workers(name)) == 2)


async def test_a_worker_whose_way_to_the_scheduler_broke_may_come_back(start: Start) -> None:
    """As long as its pod runs: the relay was replaced, or the user restarts the workers."""
    gateway = await start()
    clock = gateway.backend.absences = Clock(gateway.backend.watch)
    name = await gateway.make()
    pods = await gateway.scaled(name, 2)
    for pod in pods:
        await gateway.api.become(pod["metadata"]["name"], "Running")
    here, away = [names.label(pod, names.WORKER_LABEL) for pod in pods]
    await until(lambda: all(phase(gateway, pod["metadata"]["name"]) == "Running" for pod in pods))
    await gateway.report(name, 2, active=[here, away])
    for clock.now in (10.0, 300.0):
        await gateway.report(name, 2, active=[here], closed=[away])
        assert gateway.cluster(name).workers[away].is_active()
    await gateway.report(name, 2, active=[here, away])
    for clock.now in (310.0, 600.0):
        await gateway.report(name, 2, active=[here], closed=[away])
        assert gateway.cluster(name).workers[away].is_active(), "it had been back"
    clock.now = 611.0
    await gateway.report(name, 2, active=[here], closed=[away])
    await until(lambda: names.worker_pod_name(away) not in gateway.api.pods and len(gateway.workers(name)) == 2)
    assert gateway.backend.absences._since == {}


async def a_worker_that_runs(gateway: Gateway, cluster: str) -> str:
    """The name of the cluster's only worker, which its scheduler has reported."""
    (pod,) = await gateway.scaled(cluster, 1)
    await gateway.api.become(pod["metadata"]["name"], "Running")
    await until(lambda: phase(gateway, pod["metadata"]["name"]) == "Running")
    worker: str = names.label(pod, names.WORKER_LABEL)
    await gateway.report(cluster, 1, active=[worker])
    return worker


async def test_a_worker_that_the_scheduler_names_no_more_has_closed(start: Start) -> None:
    """It was named for long enough; the gateway was replaced meanwhile, and has begun to wait for it anew."""
    gateway = await start()
    clock = gateway.backend.absences = Clock(gateway.backend.watch)
    name = await gateway.make()
    worker = await a_worker_that_runs(gateway, name)
    assert await gateway.report(name, 1) == 200
    assert gateway.cluster(name).workers[worker].is_active()
    clock.now = 301.0
    assert await gateway.report(name, 1) == 200
    await until(lambda: names.worker_pod_name(worker) not in gateway.api.pods and len(gateway.workers(name)) == 1)


async def test_a_worker_that_is_being_replaced_is_not_excused_again(start: Start) -> None:
    """Its log is read while its pod still runs; the replacement would be one too many."""
    gateway = await start()
    clock = gateway.backend.absences = Clock(gateway.backend.watch)
    name = await gateway.make()
    worker = await a_worker_that_runs(gateway, name)
    await gateway.report(name, 1, closed=[worker])
    clock.now = 301.0
    gateway.cluster(name).workers[worker].target = JobStatus.FAILED
    said = {"active_workers": [], "closing_workers": [], "closed_workers": [worker]}
    assert clock.excused(gateway.cluster(name), said) == said


async def test_nobody_who_is_missed_is_replaced_before_the_pods_were_listed(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    await gateway.report(name, 1, active=[worker])
    nothing = Nothing(gateway.backend.watch.get)
    said = {"active_workers": [], "closing_workers": [], "closed_workers": [worker]}
    assert Clock(nothing).excused(gateway.cluster(name), said)["active_workers"] == [worker]
    nothing.synced.set()
    assert Clock(nothing).excused(gateway.cluster(name), said) == said


class Nothing:
    """A watch that has seen nothing yet."""

    def __init__(self, _: object) -> None:
        self.synced = asyncio.Event()

    def get(self, name: str) -> Object | None:
        return None


def phase(gateway: Gateway, pod: str) -> str | None:
    """As the gateway knows it."""
    found = gateway.backend.watch.get(pod)
    return None if found is None else found.get("status", {}).get("phase")


class Clock(Absences):
    """Absences with a clock of the test's."""

    def __init__(self, pods: Pods) -> None:
        super().__init__(pods, lambda: self.now)
        self.now = 0.0


async def test_a_worker_whose_pod_does_not_run_is_replaced_at_once(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    await gateway.report(name, 1, active=[worker])
    await gateway.report(name, 1, closed=[worker])
    await until(lambda: gateway.workers(name) and pod["metadata"]["name"] not in gateway.api.pods)


async def test_workers_that_never_start_end_the_cluster_with_a_reason(start: Start) -> None:
    gateway = await start(timing={"worker_failures": 2})
    name = await gateway.make()
    pods = await gateway.scaled(name, 2)
    for pod in pods:
        bad = status(waiting("ErrImagePull", "manifest unknown"))
        await gateway.api.become(pod["metadata"]["name"], "Pending", containerStatuses=bad)
    about = await gateway.ended(name)
    assert about["status"] == "FAILED"
    assert "2 workers, one after the other, failed to start. The last one: There is no image" in about["message"]
    assert not gateway.api.pods


@pytest.mark.parametrize(
    ("phase", "state", "ends_as", "said"),
    [
        ("Failed", ended(137, "OOMKilled"), "FAILED", "The scheduler used more memory than it had"),
        ("Failed", ended(1, message="ImportError: x"), "FAILED", "exit code 1. ImportError: x"),
        ("Succeeded", ended(0), "STOPPED", "The scheduler was shut down"),
        ("Pending", waiting("InvalidImageName"), "FAILED", "The scheduler can't start."),
    ],
)
async def test_a_scheduler_that_ends_ends_its_cluster(
    start: Start, phase: str, state: dict[str, object], ends_as: str, said: str
) -> None:
    gateway = await start()
    name = await gateway.make()
    if phase != "Pending":
        await gateway.scaled(name, 2)
    await gateway.api.become(names.scheduler_name(name), phase, containerStatuses=status(state))
    about = await gateway.ended(name)
    assert about["status"] == ends_as
    assert said in about["message"]
    await until(lambda: not gateway.api.pods and not gateway.api.secrets)


async def test_a_scheduler_that_is_deleted_takes_its_workers_along_and_ends_the_cluster(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.scaled(name, 2)
    await gateway.api.vanish("pods", names.scheduler_name(name))
    assert not gateway.workers(name), "by the garbage collector alone"
    about = await gateway.ended(name)
    assert (about["status"], "was deleted" in about["message"]) == ("FAILED", True)


async def test_a_scheduler_that_never_reports_is_given_up_with_what_it_waits_for(start: Start) -> None:
    gateway = await start(timing={"cluster_start": "1s"})
    name = await gateway.make()
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    await gateway.api.become(names.scheduler_name(name), "Pending", conditions=[unscheduled])
    about = await gateway.ended(name)
    assert about["message"] == "The scheduler didn't report within 1s. It is waiting: 0/3 nodes"


async def test_clusters_end_with_the_last_server_of_their_user_after_a_while(start: Start) -> None:
    gateway = await start(hub={"server_gone": "1s"})
    mine, others = await gateway.make(), await gateway.make("mario")
    gateway.hub.users["anna"]["servers"] = {}
    about = await gateway.ended(mine)
    assert about["message"] == "It ended with its user's last server, 1s later."
    assert gateway.cluster(others).target == 3


async def test_a_cluster_keeps_the_servers_of_its_user_from_being_culled(start: Start) -> None:
    gateway = await start(hub={"server_gone": None})
    gateway.hub.users["anna"]["servers"] = {"": {"ready": True}, "lab": {"ready": True}, "old": {"stopped": True}}
    before = datetime.now(UTC)
    name = await gateway.make()
    await until(lambda: bool(gateway.hub.activity))
    user, said = gateway.hub.activity[-1]
    assert (user, set(said["servers"])) == ("anna", {"", "lab"})
    assert datetime.fromisoformat(said["servers"]["lab"]["last_activity"]) >= before
    await gateway.ask("DELETE", f"clusters/{name}")
    await gateway.ended(name)
    gateway.hub.activity.clear()
    await gateway.make("mario")
    await until(lambda: len(gateway.hub.activity) > 3)
    assert {user for user, _ in gateway.hub.activity[1:]} == {"mario"}, "only who has a cluster"


@pytest.mark.parametrize("mode", ["fail", "forbid", "garbage", "list"])
async def test_a_hub_that_doesnt_say_ends_nothing(start: Start, mode: str) -> None:
    gateway = await start(hub={"server_gone": "1s"})
    name = await gateway.make()
    gateway.hub.users["anna"]["servers"] = {}
    gateway.hub.users_mode = mode  # type: ignore[assignment]
    asked = len(gateway.hub.paths)
    await until(lambda: len(gateway.hub.paths) > asked + 15)
    assert gateway.cluster(name).target == 3


async def test_a_role_that_doesnt_show_servers_ends_nothing(start: Start) -> None:
    gateway = await start(hub={"server_gone": "1s"})
    name = await gateway.make()
    del gateway.hub.users["anna"]["servers"]
    asked = len(gateway.hub.paths)
    await until(lambda: len(gateway.hub.paths) > asked + 15)
    assert gateway.cluster(name).target == 3


async def test_what_belongs_to_nobody_is_removed(start: Start, api: ClusterApi) -> None:
    gateway = await start(timing={"orphan": "1s"})
    name = await gateway.make()
    for cluster, worker in (("gone", ""), ("gone", "w1"), (name, "w2")):
        made = {
            "metadata": {
                "name": f"{cluster}{worker}",
                "uid": f"uid-{cluster}{worker}",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": names.labels("dask", cluster, names.WORKER_ROLE, worker),
            },
            "spec": {},
            "status": {},
        }
        await api._keep("pods", "ADDED", made)
    stray = {"metadata": {"name": "stray", "uid": "u", "labels": names.labels("dask", "gone", names.SECRET_ROLE)}}
    await api._keep("secrets", "ADDED", stray)
    await until(lambda: set(api.pods) == {names.scheduler_name(name)} and "stray" not in api.secrets)
    assert names.secret_name(name) in api.secrets


async def test_a_sweep_that_is_under_way_takes_nothing_from_a_new_cluster(start: Start) -> None:
    gateway = await start()
    gateway.api.held = asyncio.Event()
    sweep = ("DELETE", "/api/v1/namespaces/dask/secrets")
    before = gateway.api.requests.count(sweep)
    await until(lambda: gateway.api.requests.count(sweep) > before)
    making = asyncio.create_task(gateway.make())
    await until(lambda: gateway.backend.db.name_to_cluster)
    with contextlib.suppress(TimeoutError):  # what would be made too early is made by then
        async with asyncio.timeout(0.5):
            while not gateway.api.pods:
                await asyncio.sleep(0.01)
    gateway.api.held.set()
    name = await making
    swept = gateway.api.requests.count(sweep)
    await until(lambda: gateway.api.requests.count(sweep) > swept)
    assert names.secret_name(name) in gateway.api.secrets
    assert names.scheduler_name(name) in gateway.api.pods
