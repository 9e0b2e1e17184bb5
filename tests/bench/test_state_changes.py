"""How soon a change at the site is a pod's status: told by a watch, beside polls alone.

A real API server and a real virtual kubelet; the site is a fake, so that the way alone is measured, not a batch system.
"""

import asyncio
import random
import statistics
import time

import msgspec
import pytest

from tests.bench.figures import Figure, report
from tests.cluster.vk.conftest import api, plane, site, vk
from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.fakes.interlink_server import ALL_FEATURES, WATCHED

__all__ = ["api", "plane", "site", "vk"]

CHANGES = 40
PAUSE = (0.5, 1.5)  # seconds between two changes, at random, so that they meet polls at any time of their period


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 50, 500])
async def test_from_a_change_to_the_status(vk: VirtualNode, count: int) -> None:
    told = {
        name: await _delays(vk, count, features) for name, features in (("watch", WATCHED), ("polls", ALL_FEATURES))
    }
    figures = []
    for name, cut in (("p50", 49), ("p95", 94)):
        watched, polled = (statistics.quantiles(told[way], n=100)[cut] for way in ("watch", "polls"))
        figures.append(Figure(f"a change → pod status, {count} pods, {name}", watched, "polls alone", polled))
    report(figures, "state-changes")


async def _delays(vk: VirtualNode, count: int, features: str) -> list[float]:
    """Seconds from a change at the site to the watch event of the API server that shows it, for single changes."""
    vk.site.features = features
    await vk.start(StatusPoll={"Min": 1.0, "Max": 10.0})
    names = [f"{features.count(',')}-{number}" for number in range(count)]
    for name in names:
        await vk.create(f"p-{name}", restartPolicy="Always")
    await eventually(lambda: _all(vk, count), 120)
    vk.site.running()
    await eventually(lambda: _running(vk, count), 120)
    await asyncio.sleep(12)  # at rest, polls are at their slowest
    delays = [await _one(vk, random.choice(list(vk.site.jobs))) for _ in range(CHANGES)]
    for name in names:
        await vk.delete(f"p-{name}", grace=0)
    await eventually(lambda: _all(vk, 0), 120)
    await vk.stop()
    return delays


async def _all(vk: VirtualNode, count: int) -> bool:
    return len(vk.site.jobs) == count


async def _running(vk: VirtualNode, count: int) -> bool:
    pods = (await vk.api.get(vk.pods))["items"]
    return bool(sum(pod["status"].get("phase") == "Running" for pod in pods) == count)


async def _one(vk: VirtualNode, uid: str) -> float:
    job = vk.site.jobs[uid]
    version = (await vk.api.get(vk.pods))["metadata"]["resourceVersion"]
    count = job.restarts + 1
    shown = asyncio.create_task(_restarts_shown(vk, job.name, count, version))
    await asyncio.sleep(random.uniform(*PAUSE))
    began = time.monotonic()
    vk.site.restarted(uid)
    return await shown - began


async def _restarts_shown(vk: VirtualNode, name: str, count: int, version: str) -> float:
    """The time at which the API server tells that the pod's container was restarted so often."""
    query = {"watch": "true", "resourceVersion": version, "fieldSelector": f"metadata.name={name}"}
    async with asyncio.timeout(60):
        async for line in vk.api.lines(vk.pods, 60, **query):
            status = msgspec.json.decode(line)["object"].get("status") or {}
            if any(c.get("restartCount") == count for c in status.get("containerStatuses") or []):
                return time.monotonic()
    raise AssertionError("the API server's watch ended")
