"""200 MB from worker to worker and from worker to client: over the relay beside Dask's own TLS connections, in the same run."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import dask.config
import pytest

from tests.bench.figures import Figure, report
from tests.dask.conftest import SECONDS, Cluster, running
from tests.fakes.relay_member import free_port, process

LARGE = 200_000_000
ROUNDS = 5


def make(count: int) -> bytes:
    return b"x" * count


def worker_to_worker(cluster: Cluster) -> float:
    """The task that needs the data, on the other worker: its start is small beside the way of the data."""
    client, where = cluster.client, cluster.addresses()
    there = client.submit(make, LARGE, workers=[where["w0"]], pure=False)
    client.submit(len, there, workers=[where["w0"]], pure=False).result(SECONDS)
    began = time.monotonic()
    assert client.submit(len, there, workers=[where["w1"]], pure=False).result(SECONDS) == LARGE
    return time.monotonic() - began


def worker_to_client(cluster: Cluster) -> float:
    client, where = cluster.client, cluster.addresses()
    there = client.submit(make, LARGE, workers=[where["w0"]], pure=False)
    client.submit(len, there, workers=[where["w0"]], pure=False).result(SECONDS)
    began = time.monotonic()
    with dask.config.set(cluster.config):
        assert len(client.gather(there, direct=True)) == LARGE
    return time.monotonic() - began


@pytest.mark.timeout(1800)
def test_a_transfer_over_the_relay_beside_a_direct_one(tmp_path: Path) -> None:
    routes: dict[str, Cluster] = {}
    with ExitStack() as stack:
        for name, tls in (("behind an ingress", False), ("relay does TLS", True)):
            folders = [tmp_path / f"{kind}-{tls}" for kind in ("relay", "cluster")]
            for folder in folders:
                folder.mkdir()
            relay = stack.enter_context(process(folders[0], tls=tls))
            routes[name] = stack.enter_context(running(relay, folders[1]))
        (tmp_path / "direct").mkdir()
        scheduler = f"tls://127.0.0.1:{free_port()}"
        routes["direct"] = stack.enter_context(running(relay, tmp_path / "direct", scheduler=scheduler))
        for what, measure in (("worker → worker", worker_to_worker), ("worker → client", worker_to_client)):
            seconds = _measured(routes, measure)
            beside = seconds.pop("direct")
            report(
                [
                    Figure(f"200 MB {what}, {route} ({kind})", statistic(taken), "direct TLS", statistic(beside))
                    for route, taken in seconds.items()
                    for kind, statistic in (("median", statistics.median), ("best", min))
                ],
                "relay-transfer",
            )


def _measured(routes: dict[str, Cluster], measure: Callable[[Cluster], float]) -> dict[str, list[float]]:
    """Seconds by route. In turns, so that what else the machine does meets all of them; the first of each warms up."""
    taken: dict[str, list[float]] = {name: [] for name in routes}
    for _ in range(ROUNDS + 1):
        for name, cluster in routes.items():
            taken[name].append(measure(cluster))
    return {name: seconds[1:] for name, seconds in taken.items()}
