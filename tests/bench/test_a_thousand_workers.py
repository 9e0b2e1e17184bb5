"""A scheduler with a thousand simulated workers behind the relay: do heartbeats and tasks flow, and what gives way first?"""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.bench.figures import RESULTS
from tests.bench.test_relay_load import cpu, memory
from tests.dask.conftest import SCHEDULER, Cluster, running
from tests.fakes.relay_member import process

STEPS = (100, 250, 500, 1000)
PROCESSES = 4
TASKS = 5000
SECONDS = 900


def increment(number: int) -> int:
    return number + 1


@pytest.mark.timeout(3600)
def test_heartbeats_and_tasks_of_a_thousand_workers(tmp_path: Path) -> None:
    (tmp_path / "relay").mkdir()
    (tmp_path / "cluster").mkdir()
    RESULTS.mkdir(exist_ok=True)
    rows: list[dict[str, float]] = []
    with ExitStack() as stack:
        relay = stack.enter_context(process(tmp_path / "relay", tls=False))
        cluster = stack.enter_context(running(relay, tmp_path / "cluster", workers=0))
        there = 0
        for step in STEPS:
            began = time.monotonic()
            more = step - there
            for number in range(PROCESSES):
                _start(stack, cluster, more // PROCESSES + (number < more % PROCESSES))
            there = step
            cluster.client.wait_for_workers(step, timeout=SECONDS)
            row = {"workers": step, "all there, s": time.monotonic() - began, **_measure(cluster)}
            assert relay.running is not None
            row |= {"relay, MiB": memory(relay), "relay, s of CPU": cpu(relay)}
            with (RESULTS / "a-thousand-workers.jsonl").open("a") as stream:
                stream.write(json.dumps({**row, "at": time.time()}) + "\n")
            rows.append(row)
    table = Table(*rows[0], title="a thousand workers")
    for row in rows:
        table.add_row(*(f"{value:.1f}" for value in row.values()))
    Console().print(table)


def _start(stack: ExitStack, cluster: Cluster, count: int) -> None:
    command = [sys.executable, "-m", "tests.bench.simulated_workers", str(count), SCHEDULER, str(cluster.folder)]
    with (cluster.folder / "simulated.log").open("ab") as log:
        made = subprocess.Popen(command, env=cluster.environment, stdin=subprocess.PIPE, stdout=log, stderr=log)
    stack.callback(made.wait)
    stack.callback(made.kill)


def _measure(cluster: Cluster) -> dict[str, float]:
    """Seconds for the tasks; meanwhile, how old the oldest heartbeat is and how long the scheduler takes for an answer at most."""
    client: Any = cluster.client
    oldest = answer = 0.0
    began = time.monotonic()
    futures = client.map(increment, range(TASKS), pure=False)
    while not all(future.done() for future in futures):
        asked = time.monotonic()
        oldest = max(oldest, _oldest_heartbeat(client))
        answer = max(answer, time.monotonic() - asked)
        assert asked - began < SECONDS
        time.sleep(0.2)
    taken = time.monotonic() - began
    assert client.gather(futures) == list(range(1, TASKS + 1)), "done is also what was lost"
    return {"5,000 tasks, s": taken, "oldest heartbeat, s": oldest, "slowest answer, s": answer}


def _oldest_heartbeat(client: Any) -> float:
    def look(dask_scheduler: Any) -> float:
        import time

        return max(time.time() - float(worker.last_seen) for worker in dask_scheduler.workers.values())

    return float(client.run_on_scheduler(look))
