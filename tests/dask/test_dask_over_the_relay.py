"""What people do with Dask, where everybody can only dial out."""

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dask.conftest import SECONDS, Cluster, running
from tests.fakes.relay_member import Process

pytestmark = pytest.mark.timeout(300)
LARGE = 200_000_000
"""More than the 64 MiB that Dask sends in one piece."""


@pytest.fixture(scope="module")
def cluster(relay: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(relay, tmp_path_factory.mktemp("cluster")) as made:
        yield made


def make(count: int) -> bytes:
    return b"x" * count


def metric(relay: Process, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{relay.metrics}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_map_and_gather(cluster: Cluster) -> None:
    client = cluster.client
    assert client.gather(client.map(lambda x: x * x, range(200))) == [x * x for x in range(200)]
    assert all(address.startswith("relay://") for address in cluster.addresses().values())


def test_data_travel_from_worker_to_worker_and_to_the_client(cluster: Cluster, relay: Process) -> None:
    client, where = cluster.client, cluster.addresses()
    before = metric(relay, "relay_passed_bytes_total")
    there = client.submit(make, LARGE, workers=[where["w0"]], pure=False)
    assert client.submit(len, there, workers=[where["w1"]]).result(SECONDS) == LARGE
    assert metric(relay, "relay_passed_bytes_total") - before > LARGE
    assert client.gather(there, direct=True) == make(LARGE)
    assert client.gather(there, direct=False) == make(LARGE)


def test_data_are_scattered(cluster: Cluster) -> None:
    client = cluster.client
    sent = client.scatter(make(10_000_000), broadcast=True, direct=True)
    assert client.submit(len, sent).result(SECONDS) == 10_000_000
    assert len(client.who_has(sent)[sent.key]) == 2


def test_functions_run_on_workers_nannies_and_the_scheduler(cluster: Cluster) -> None:
    client = cluster.client
    workers = client.run(os.getpid)
    nannies = client.run(os.getpid, nanny=True)
    assert len(set(workers.values()) | set(nannies.values())) == 4
    assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.workers)) == 2


def test_workers_are_restarted(cluster: Cluster) -> None:
    client = cluster.client
    before = set(client.run(os.getpid).values())
    client.restart(timeout=SECONDS)
    assert not before & set(client.run(os.getpid).values())
    assert client.submit(sum, [1, 2]).result(SECONDS) == 3


def test_a_worker_that_is_killed_is_started_again_by_its_nanny(cluster: Cluster) -> None:
    client = cluster.client
    before = client.run(os.getpid)
    os.kill(next(iter(before.values())), signal.SIGKILL)
    cluster.until(
        lambda: len(cluster.addresses()) == 2 and cluster.addresses().values() != before.keys(), "two workers"
    )
    cluster.until(lambda: not set(before) >= set(cluster.addresses().values()), "a new one")
    assert client.gather(client.map(lambda x: x + 1, range(10))) == list(range(1, 11))


def test_what_a_retired_worker_holds_is_kept(cluster: Cluster) -> None:
    client = cluster.client
    where = cluster.addresses()
    held = [client.submit(make, 1_000_000 + n, workers=[where["w0"]], pure=False) for n in range(5)]
    assert all(future.status == "finished" or future.result(SECONDS) for future in held)
    client.retire_workers([where["w0"]])
    found = client.who_has(held)
    assert all(set(holders) == {where["w1"]} for holders in found.values())
    assert [len(data) for data in client.gather(held)] == [1_000_000 + n for n in range(5)]


def test_neighbours_need_no_relay(relay: Process, tmp_path: Path) -> None:
    """Workers of one site: their data stay there."""
    with running(relay, tmp_path, name="c2", network="site-a", direct_host="127.0.0.1") as cluster:
        where = cluster.addresses()
        assert all("@site-a/127.0.0.1:" in address for address in where.values())
        before = metric(relay, "relay_passed_bytes_total")
        there = cluster.client.submit(make, 50_000_000, workers=[where["w0"]])
        assert cluster.client.submit(len, there, workers=[where["w1"]]).result(SECONDS) == 50_000_000
        assert metric(relay, "relay_passed_bytes_total") - before < 1_000_000
