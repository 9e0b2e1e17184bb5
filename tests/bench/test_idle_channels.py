"""What a thousand jobs that say little cost the sidecar, and how soon it tells what one of them says, beside polls of the schedd.

The sidecar is a process of its own; jobs and schedd are simulated in the test's. A real schedd adds the time in which HTCondor
brings a job's attribute to it, which is not in these figures.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from interlink.protocol.client import InterlinkClient
from interlink.protocol.watch import Change
from rich.console import Console
from rich.table import Table

from tests.bench.channel_jobs import SimulatedJob, jobs_of
from tests.bench.figures import RESULTS, at_p50_and_p95, report
from tests.bench.processes import cpu_seconds, resident_mib
from tests.bench.sidecar_process import NODE, SidecarProcess, sidecar_process

IDLE = 1000
REST_SECONDS = 60.0
CHANGES = 20
PAUSE = (0.3, 2.3)  # seconds between two changes, at random, so that they meet polls at any time of their period

Tell = Callable[[SimulatedJob], Awaitable[None]]


async def _rest(folder: Path, *, tls: bool) -> list[tuple[str, float, str]]:
    async with sidecar_process(folder, tls=tls) as sidecar:
        await sidecar.run_pods(IDLE)
        await asyncio.sleep(10)  # their starts are seen, and polls are at their slow pace again
        found = [
            (f"memory, {IDLE} pods without a connection", resident_mib(sidecar.pid), "MiB"),
            ("CPU at rest, without a connection", await _cpu_of_a_minute(sidecar), "s a minute"),
        ]
        before, began = cpu_seconds(sidecar.pid), time.monotonic()
        async with jobs_of(sidecar, sidecar.uids):
            found += [
                (f"until {IDLE} are connected", time.monotonic() - began, "s"),
                ("CPU for that", cpu_seconds(sidecar.pid) - before, "s"),
            ]
            await asyncio.sleep(10)
            found += [
                (f"memory, {IDLE} connections", resident_mib(sidecar.pid), "MiB"),
                ("CPU at rest, usage and pings included", await _cpu_of_a_minute(sidecar), "s a minute"),
            ]
    return found


async def _cpu_of_a_minute(sidecar: SidecarProcess) -> float:
    before = cpu_seconds(sidecar.pid)
    await asyncio.sleep(REST_SECONDS)
    return (cpu_seconds(sidecar.pid) - before) * 60 / REST_SECONDS


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tls", [True, False], ids=["sidecar does TLS", "behind an edge"])
def test_a_thousand_jobs_at_rest(tmp_path: Path, request: pytest.FixtureRequest, tls: bool) -> None:
    run = f"idle-channels, {request.node.callspec.id}"
    found = uvloop.run(_rest(tmp_path, tls=tls))
    RESULTS.mkdir(exist_ok=True)
    table = Table("what", "how much", "", title=run)
    with (RESULTS / "idle-channels.jsonl").open("a") as stream:
        for name, value, unit in found:
            stream.write(json.dumps({"run": run, "name": name, "value": value, "unit": unit, "at": time.time()}) + "\n")
            table.add_row(name, f"{value:.2f}", unit)
    Console().print(table)


async def _delays(folder: Path, count: int) -> dict[str, list[float]]:
    """Seconds from a change in a job to the line of the sidecar's watch that shows it: by the channel, and by polls alone."""
    async with sidecar_process(folder, tls=True) as sidecar:
        await sidecar.run_pods(count)
        async with jobs_of(sidecar, sidecar.uids) as jobs:
            channel = await _changes(sidecar, jobs, SimulatedJob.tell_state)
        # the same pods, whose jobs have no connection any more: only the schedd tells of them
        return {"channel": channel, "polls": await _changes(sidecar, jobs, _by_attribute(sidecar))}


def _by_attribute(sidecar: SidecarProcess) -> Tell:
    async def tell(job: SimulatedJob) -> None:
        (queued,) = sidecar.schedd.of(job.uid)
        queued.attributes["ChirpIL"] = job.state.compact()

    return tell


async def _changes(sidecar: SidecarProcess, jobs: dict[str, SimulatedJob], tell: Tell) -> list[float]:
    delays: list[float] = []
    async with (
        InterlinkClient(f"unix://{sidecar.client.socket}") as client,
        client.watch(NODE, "") as changes,
    ):
        for _ in range(CHANGES):
            job = random.choice(list(jobs.values()))
            await asyncio.sleep(random.uniform(*PAUSE))
            restarts, began = job.restarted(), time.monotonic()
            await tell(job)
            async with asyncio.timeout(60):
                await _shown(changes, job.uid, restarts)
            delays.append(time.monotonic() - began)
    return delays


async def _shown(changes: AsyncIterator[Change], uid: str, restarts: int) -> None:
    async for change in changes:
        status = change.status
        containers = (status.containers or []) if status is not None and uid == status.UID else []
        if any(container.get("restartCount") == restarts for container in containers):
            return
    raise AssertionError("the watch ended")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 50, 500])
def test_from_a_change_in_a_job_to_the_watch(tmp_path: Path, count: int) -> None:
    found = uvloop.run(_delays(tmp_path, count))
    what = f"a change in a job → watch, {count} pods"
    report(at_p50_and_p95(what, found["channel"], "polls alone", found["polls"]), "job-channel-changes")
