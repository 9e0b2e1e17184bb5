"""What happens while the API server is away, while the gateway is, and when it comes back."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from dask_gateway_server.backends.db_base import JobStatus
from kubernetes_client import watch
from offload_backend.core import names
from service_runtime.backoff import Backoff

from tests.fakes.cluster_api import ClusterApi
from tests.unit.offload_backend.conftest import Gateway, until
from tests.unit.offload_backend.test_fates import ended

Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(watch, "SHORT_SECONDS", 0.05)


async def interrupted(api: ClusterApi) -> None:
    """The API server goes away, and its watches break."""
    api.away = True
    await api.expire()


async def test_an_api_server_that_is_away_ends_nothing(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    pods = await gateway.scaled(name, 2)
    workers = [names.label(pod, names.WORKER_LABEL) for pod in pods]
    await gateway.report(name, 2, active=workers)
    await interrupted(api)
    seen = len(api.requests)
    await until(lambda: len(api.requests) > seen + 5)
    assert await gateway.backend.do_check_clusters([gateway.cluster(name)]) == [True]
    assert [worker.target for worker in gateway.cluster(name).workers.values()] == [3, 3]
    _, told = await gateway.ask("GET", f"clusters/{name}/workers")
    assert {row["name"] for row in told["workers"]} == set(workers), "what was last known stands"


async def test_what_was_asked_for_meanwhile_is_made_afterwards(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    await interrupted(api)
    status, made = await gateway.ask("POST", "clusters/", cluster_options={})
    assert status == 201
    await until(lambda: gateway.backend.submission.delays)
    _, told = await gateway.ask("GET", f"clusters/{made['name']}/workers")
    assert "currently unable to handle the request" in told["cluster"]["message"]
    api.away = False
    await until(lambda: names.scheduler_name(made["name"]) in api.pods)
    await until(lambda: not gateway.backend.submission.delays)


async def test_what_was_ended_meanwhile_is_removed_afterwards(start: Start, api: ClusterApi) -> None:
    gateway = await start(timing={"orphan": "1s"})
    name = await gateway.make()
    await gateway.scaled(name, 2)
    await interrupted(api)
    await gateway.ask("DELETE", f"clusters/{name}")
    await until(lambda: gateway.cluster(name).status == 5)
    assert api.pods
    api.away = False
    await until(lambda: not api.pods and not api.secrets)


async def test_a_quota_that_is_used_up_lets_workers_wait_and_say_so(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.report(name, 0)
    api.refuses = (403, 'pods "x" is forbidden: exceeded quota: dask, requested: pods=1')
    await gateway.report(name, 1)
    await until(lambda: gateway.backend.submission.delays)
    _, told = await gateway.ask("GET", f"clusters/{name}/workers")
    (row,) = told["workers"]
    assert (row["state"], "exceeded quota" in row["message"]) == ("waiting", True)
    api.refuses = None
    await until(lambda: gateway.workers(name))
    assert gateway.cluster(name).worker_start_failure_count == 0


async def test_a_worker_that_waits_for_a_quota_doesnt_hold_up_the_end_of_its_cluster(
    start: Start, api: ClusterApi
) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.report(name, 0)
    api.refuses = (403, "exceeded quota")
    await gateway.report(name, 60)
    await until(lambda: len(gateway.backend.submission.delays) == 60)
    await gateway.ask("DELETE", f"clusters/{name}")
    await until(lambda: gateway.cluster(name).status == 5)
    await until(lambda: not api.pods)


async def test_a_pod_that_is_refused_for_good_fails_its_worker_with_the_api_servers_words(
    start: Start, api: ClusterApi
) -> None:
    gateway = await start(timing={"worker_failures": 1})
    name = await gateway.make()
    await gateway.report(name, 0)
    api.refuses = (403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath')
    await gateway.report(name, 1)
    about = await gateway.ended(name)
    assert "violates PodSecurity" in about["message"]


async def test_a_watch_that_expired_begins_with_a_new_list(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    await api.expire()
    await api.become(pod["metadata"]["name"], "Failed", containerStatuses=[{"name": "dask", "state": ended(1)}])
    await until(lambda: [p for p in gateway.workers(name) if p["metadata"]["name"] != pod["metadata"]["name"]])


async def test_clusters_live_on_over_a_restart(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    pods = await gateway.scaled(name, 2)
    workers = [names.label(pod, names.WORKER_LABEL) for pod in pods]
    await gateway.report(name, 2, active=workers)
    before = set(api.pods), set(api.secrets)
    await gateway.stop()
    assert (set(api.pods), set(api.secrets)) == before, "a gateway that ends takes nothing along"
    await gateway.start()
    assert (set(api.pods), set(api.secrets)) == before
    assert await gateway.report(name, 3, active=workers) == 200
    await until(lambda: len(gateway.workers(name)) == 3)


async def test_what_was_half_done_at_a_restart_is_done_once(start: Start, api: ClusterApi) -> None:
    """The database says that nothing was made yet, but the pod was."""
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    await gateway.stop()
    before = {found["metadata"]["uid"] for found in api.pods.values()}
    _forget_submissions(gateway, name)
    await gateway.start()
    await until(lambda: gateway.cluster(name).workers[names.label(pod, names.WORKER_LABEL)].status == 2)
    assert {found["metadata"]["uid"] for found in api.pods.values()} == before


def _forget_submissions(gateway: Gateway, name: str) -> None:
    data: Any = gateway.backend.db
    data.update_workers(
        [(worker, {"status": JobStatus.CREATED, "state": {}}) for worker in gateway.cluster(name).workers.values()]
    )


async def test_what_ended_while_the_gateway_was_away_is_seen_when_it_is_back(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.scaled(name, 1)
    await gateway.stop()
    state = [{"name": "dask", "state": ended(137, "OOMKilled")}]
    await api.become(names.scheduler_name(name), "Failed", containerStatuses=state)
    await gateway.start()
    about = await gateway.ended(name)
    assert "used more memory" in about["message"]
    await until(lambda: not api.pods and not api.secrets)


async def test_a_scheduler_that_vanished_while_the_gateway_was_away_ends_its_cluster(
    start: Start, api: ClusterApi
) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.scaled(name, 1)
    await gateway.stop()
    await api.vanish("pods", names.scheduler_name(name))
    await gateway.start()
    assert "was deleted" in (await gateway.ended(name))["message"]
    await until(lambda: not api.secrets)


async def test_a_cluster_of_a_site_that_is_offered_no_more_ends_when_it_wants_a_worker(
    start: Start, api: ClusterApi
) -> None:
    gateway = await start(sites={"local": {}, "other": {}})
    name = await gateway.make(site="other")
    await gateway.scaled(name, 1)
    await gateway.stop()
    gateway.changes = {}
    await gateway.start()
    assert gateway.cluster(name).target == 3
    await gateway.report(name, 2)
    assert (await gateway.ended(name))["message"].startswith("The site other is not offered any more.")
    await until(lambda: not api.pods)


async def test_pods_of_a_database_that_was_lost_are_removed(start: Start, api: ClusterApi) -> None:
    gateway = await start(timing={"orphan": "1s"})
    name = await gateway.make()
    await gateway.scaled(name, 2)
    await gateway.stop()
    (gateway.folder / "gateway.sqlite").unlink()
    await gateway.start()
    await until(lambda: not api.pods and not api.secrets)
