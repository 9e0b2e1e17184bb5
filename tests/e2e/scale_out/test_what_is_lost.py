"""Parts of a cluster and of the platform go away under a computation: it goes on, or fails with a sentence, and nothing stays."""

import pytest

from tests.e2e.notebook import Notebook
from tests.e2e.scale_out.conftest import PATIENCE, START, Clusters
from tests.e2e.servers import until

pytestmark = pytest.mark.timeout(600)

TWO_WORKERS = f"""
from dask_gateway import GatewayCluster
cluster = GatewayCluster()
client = cluster.get_client()
cluster.scale(2)
client.wait_for_workers(2, timeout={PATIENCE})
"""
"""Made as dask-gateway's users make theirs."""
SLOWLY = """
import time
def slow(number):
    time.sleep(0.5)
    return number ** 2
answer = client.gather(client.map(slow, range(60), pure=False)) == [n ** 2 for n in range(60)]
"""
"""Fifteen seconds for two workers."""


@pytest.mark.parametrize(("component", "workload"), [("dask-gateway", "deployment"), ("relay", "statefulset")])
def test_the_computation_goes_on_without(component: str, workload: str, kernel: Notebook, clusters: Clusters) -> None:
    kernel.run(TWO_WORKERS)
    jobs = clusters.jobs()
    kernel.begin(SLOWLY)
    clusters.lose(component, workload)
    assert kernel.finish()
    assert clusters.jobs() == jobs, "the jobs are the same"
    kernel.run("cluster.scale(1)")
    until(lambda: len(clusters.jobs()) == 1, PATIENCE, "the gateway does what it is asked")


def test_a_cluster_without_its_scheduler_ends_and_says_why(kernel: Notebook, clusters: Clusters) -> None:
    kernel.run(f"{START}\ncluster.scale(2); client.wait_for_workers(2, timeout={PATIENCE})")
    clusters.kill_scheduler()
    until(clusters.none_left, PATIENCE, "pods, jobs and Secrets are gone")
    said = kernel.run("answer = repr(cluster.workers())")
    assert "scheduler" in said
    assert kernel.run(FAILS) == "FutureCancelledError"


FAILS = """
try:
    client.submit(int, 1).result(timeout=30)
    answer = ""
except Exception as error:
    answer = type(error).__name__
"""
