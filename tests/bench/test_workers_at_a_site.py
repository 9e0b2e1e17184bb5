"""Twenty workers at the site from a notebook, beside as many that were submitted by hand and connect directly."""

import time

import pytest
from devcluster.platform import Platform as WholePlatform

from tests.bench.figures import Figure, report
from tests.bench.plain_cluster import plain_cluster
from tests.cluster.conftest import Platform
from tests.e2e.notebook import Notebook
from tests.e2e.scale_out.conftest import START

WORKERS = 20
TASKS = 5000
MEASURE = f"""
import time
def increment(number): return number + 1
client.gather(client.map(increment, range({TASKS}), pure=False))  # the first ones load modules
began = time.monotonic()
assert client.gather(client.map(increment, range({TASKS}), pure=False)) == list(range(1, {TASKS} + 1))
answer["tasks"] = time.monotonic() - began
"""


@pytest.mark.timeout(1800)
def test_twenty_workers_beside_plain_jobs(kernel: Notebook, platform: Platform) -> None:
    image = WholePlatform(platform.checkout).image("jupyterlab-offload").unpacked
    with plain_cluster(platform.site, image) as plain:
        beside = plain.measure(WORKERS, MEASURE)
    kernel.run(START)
    began = time.monotonic()
    kernel.run(f"cluster.scale({WORKERS}); client.wait_for_workers({WORKERS}, timeout=600)", 600)
    came = time.monotonic() - began
    tasks = kernel.run(f"answer = {{}}\n{MEASURE}\nanswer = answer['tasks']")
    direct = "20 plain jobs, direct TLS"
    report(
        [
            Figure(f"scale({WORKERS}) → {WORKERS} workers", came, "plain jobs → as many workers", beside["workers"]),
            Figure(f"{TASKS} tasks on {WORKERS} workers over the relay", tasks, direct, beside["tasks"]),
        ],
        "workers-at-a-site",
    )
