"""A job that can't be removed keeps no other orphan from being swept."""

from typing import Any

import pytest
from interlink.protocol.errors import NotNow
from interlink.protocol.types import PodStatus
from kubernetes_client.answer import ApiError
from virtual_kubelet.control.sweeper import Sweeper
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.sweep import LIMIT_PER_PASS

INTERVAL = 100.0


class Cluster:
    """An API server without pods, and a site full of jobs."""

    def __init__(self, count: int) -> None:
        self.jobs = [f"job-{number:03}" for number in range(count)]
        self.unremovable: set[str] = set()
        self.unclear: set[str] = set()

    async def get(self, path: str) -> Any:
        raise ApiError(500 if path.rpartition("/")[2] in self.unclear else 404, "no")

    async def list_pods(self) -> list[PodStatus]:
        return [PodStatus(name=uid, UID=uid, namespace="ns") for uid in self.jobs]

    async def delete(self, pod: Any) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self.unremovable:
            raise NotNow("the schedd is away")
        self.jobs.remove(uid)


@pytest.mark.parametrize("stuck", [1, 3 * LIMIT_PER_PASS])
async def test_jobs_that_can_t_be_removed_hold_up_no_others(stuck: int) -> None:
    now = 0.0
    cluster: Any = Cluster(stuck + 2 * LIMIT_PER_PASS)
    cluster.unremovable, cluster.unclear = set(cluster.jobs[:stuck:2]), set(cluster.jobs[1:stuck:2])
    sweeps = Sweeper(cluster, Registry(), cluster, INTERVAL, lambda: now)
    for _ in range(12):
        await sweeps.compare()
        now += INTERVAL
    assert set(cluster.jobs) == cluster.unremovable | cluster.unclear
    cluster.unremovable, cluster.unclear = set(), set()
    for _ in range(12):
        await sweeps.compare()
        now += INTERVAL
    assert cluster.jobs == []
