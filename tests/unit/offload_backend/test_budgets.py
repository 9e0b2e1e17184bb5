"""How many workers a cluster may have: its user's limits beside the user's other clusters, and what its site can hold."""

from typing import Any

import pytest
from offload_backend.core.budget import Allowance, Share, UserLimits, WorkerSize, allowance, of_site, too_many_clusters
from offload_backend.core.capacity import fits, unreachable
from offload_backend.model.limits import Place
from offload_backend.model.values import GIB

SMALL, LARGE = WorkerSize(1, GIB), WorkerSize(8, 64 * GIB, gpus=1)
LIMITS = UserLimits(workers=100, cores=200, memory=400)


@pytest.mark.parametrize(
    ("size", "others", "workers", "said"),
    [
        (SMALL, [], 100, "You may have 100 workers: this cluster can have 100 workers at most."),
        (LARGE, [], 6, "You may have 400 GiB of memory of workers: this cluster can have 6 workers at most."),
        (WorkerSize(4, GIB), [], 50, "You may have 200 cores of workers: this cluster can have 50 workers at most."),
        (SMALL, [Share(40, SMALL)], 60, "100 workers, of which your other clusters have 40: this cluster can have 60"),
        (SMALL, [Share(5, LARGE)], 80, "400 GiB of memory of workers, of which your other clusters have 320 GiB"),
        (LARGE, [Share(30, WorkerSize(1, 12 * GIB))], 0, "this cluster can have 0 workers at most."),
        (SMALL, [Share(150, SMALL)], 0, "this cluster can have 0 workers at most."),
    ],
)
def test_the_tightest_limit_counts_and_is_named(size: WorkerSize, others: list[Share], workers: int, said: str) -> None:
    found = allowance(LIMITS, size, others)
    assert found.workers == workers
    assert said in found.reason


def test_a_site_takes_so_many_workers_of_all_users_together() -> None:
    assert of_site("far", None, [Share(9, SMALL)]) is None
    found = of_site("far", 10, [Share(4, SMALL), Share(3, LARGE)])
    assert found is not None
    assert (found.workers, "takes 10 workers, of which other clusters have 7: 3 are left" in found.reason) == (3, True)
    assert of_site("far", 10, [Share(14, SMALL)]) == Allowance(
        0, "The site far takes 10 workers, of which other clusters have 14: 0 are left."
    )


def test_there_are_so_many_clusters_and_no_more() -> None:
    assert too_many_clusters(2, 1) is None
    assert "You may have 2 clusters at the same time, and have 2" in str(too_many_clusters(2, 2))
    assert "You may have a cluster at the same time" in str(too_many_clusters(1, 1))


def node(**amounts: str) -> dict[str, Any]:
    return {"status": {"allocatable": amounts}}


FAR = Place.model_validate({"node": "far", "wall_time": {}})


@pytest.mark.parametrize(
    ("place", "found", "size", "others", "expected"),
    [
        (Place(), None, SMALL, [], None),
        (FAR, None, SMALL, [], None),
        (FAR, node(cpu="1k", memory="4Ti", pods="300"), SMALL, [], 300),
        (FAR, node(cpu="1k", memory="4Ti", pods="1k"), LARGE, [], 0),
        (FAR, node(**{"cpu": "1k", "memory": "4Ti", "pods": "1k", "nvidia.com/gpu": "6"}), LARGE, [Share(2, LARGE)], 4),
        (FAR, node(cpu="100", memory="4Ti", pods="1k"), WorkerSize(8, GIB), [Share(4, WorkerSize(2, GIB))], 11),
        (FAR, node(cpu="100", memory="64Gi", pods="1k"), WorkerSize(1, 4 * GIB), [Share(20, SMALL)], 11),
        (FAR, node(cpu="2", memory="64Gi", pods="1k"), SMALL, [Share(20, SMALL)], 0),
    ],
)
def test_a_site_holds_what_its_node_offers_less_what_others_asked_for(
    place: Place, found: dict[str, Any] | None, size: WorkerSize, others: list[Share], expected: int | None
) -> None:
    assert fits(place, found, size, others) == expected


def test_a_site_that_cant_be_reached_says_why() -> None:
    condition = {"type": "InterlinkConnectivity", "status": "False", "reason": "Unauthorized", "message": "401"}
    assert unreachable({"status": {"conditions": [condition]}}) == "Unauthorized: 401"
    assert unreachable({"status": {"conditions": [{**condition, "status": "True"}]}}) is None
    assert unreachable(None) is None
