"""A relay is killed, or replaced, under a computation."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dask.conftest import SECONDS, Cluster, running
from tests.fakes.relay_member import process

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "relay").mkdir()
    (tmp_path / "cluster").mkdir()
    with process(tmp_path / "relay") as relay, running(relay, tmp_path / "cluster") as made:
        yield made


def slow(number: int) -> int:
    time.sleep(0.2)
    return number * number


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "replaced"])
def test_the_workers_come_back_and_work_is_done(cluster: Cluster, number: signal.Signals) -> None:
    """The client's connection is cut as well: it says so, connects again, and asks anew."""
    client = cluster.client
    futures = client.map(slow, range(40), pure=False)
    cluster.until(lambda: any(future.done() for future in futures), "work has begun")
    if number == signal.SIGTERM:
        cluster.relay.send(number)  # workers have its time to drain, and stay for it
        cluster.until(lambda: "service.stopping" in cluster.relay.log(), "it is stopping")
        cluster.relay.send(number)
        assert cluster.relay.running is not None
        cluster.relay.running.wait(SECONDS)
    else:
        cluster.relay.stop(number)
    cluster.relay.start()
    cluster.until(lambda: client.status == "running" and len(cluster.addresses()) == 2, "client and workers are back")
    again = client.map(slow, range(40), pure=False)
    assert client.gather(again) == [n * n for n in range(40)]
