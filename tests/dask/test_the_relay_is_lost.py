"""A relay is killed, or replaced, under a computation."""

import signal
import time
from collections.abc import Iterator

import pytest
from distributed import Client

from tests.dask.conftest import SECONDS, Cluster, running
from tests.fakes.relay_member import process

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With a relay of its own: the other tests' stays."""
    with process(tmp_path_factory.mktemp("relay")) as relay, running(relay, tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def cluster(processes: Cluster) -> Cluster:
    """Whole, whatever became of the relay in a test before."""
    processes.until(lambda: is_whole(processes), "client and workers are there")
    return processes


def is_whole(cluster: Cluster) -> bool:
    return cluster.client.status == "running" and len(cluster.addresses()) == 2


def slow(number: int) -> int:
    time.sleep(0.2)
    return number * number


def replace(cluster: Cluster, number: signal.Signals) -> None:
    relay = cluster.relay
    if number == signal.SIGTERM:
        before = len(relay.log())
        relay.send(number)
        cluster.until(lambda: "service.stopping" in relay.log()[before:], "it is stopping")
    relay.stop(number)  # a second SIGTERM ends the time for draining, which streams of workers would use up
    relay.start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "replaced"])
def test_the_computation_goes_on(cluster: Cluster, number: signal.Signals) -> None:
    """With a client like a notebook's, whose way to the scheduler is dask-gateway's: nothing is cancelled, no job ends."""
    with Client(cluster.direct_address(), security=cluster.security, timeout=SECONDS, set_as_default=False) as client:
        futures = client.map(slow, range(60), pure=False)
        cluster.until(lambda: any(future.done() for future in futures), "work has begun")
        before = set(cluster.addresses().values())
        replace(cluster, number)
        assert client.gather(futures) == [n * n for n in range(60)]
        workers = client.scheduler_info(n_workers=-1)["workers"]
        assert not before & set(workers), "workers are new ones"
    assert [made.poll() for made in cluster.processes] == [None] * 3, "their nannies are not"


def test_a_client_that_came_by_the_relay_connects_again(cluster: Cluster) -> None:
    client = cluster.client
    assert client.submit(slow, 3).result(SECONDS) == 9
    replace(cluster, signal.SIGKILL)
    cluster.until(lambda: is_whole(cluster), "client and workers are back")
    assert client.gather(client.map(slow, range(10), pure=False)) == [n * n for n in range(10)]
