"""How soon a change at the site is a pod's status: told by a watch, beside polls alone.

A real API server and a real virtual kubelet with its defaults; the site is a fake, so that the way alone is measured, not a batch
system. Something changes every few seconds, so polls keep the quick half of their pace; after a long rest they come every 10 s.
"""

import asyncio
import random
import time

import msgspec
import pytest

from tests.bench.figures import at_p50_and_p95, report
from tests.bench.node_pace import DEFAULTS, running
from tests.cluster.vk.conftest import api, plane, site, vk
from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.fakes.interlink_server import ALL_FEATURES, WATCHED

__all__ = ["api", "plane", "site", "vk"]

CHANGES = 40
PAUSE = (0.5, 4.0)  # seconds between two changes, at random, so that they meet polls at any time of their period


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 50, 500])
async def test_from_a_change_to_the_status(vk: VirtualNode, count: int) -> None:
    told = {
        name: await _delays(vk, count, features) for name, features in (("watch", WATCHED), ("polls", ALL_FEATURES))
    }
    what = f"a change → pod status, {count} pods"
    report(at_p50_and_p95(what, told["watch"], "polls alone", told["polls"]), "state-changes")


async def _delays(vk: VirtualNode, count: int, features: str) -> list[float]:
    """Seconds from a change at the site to the watch event of the API server that shows it, for single changes."""
    vk.site.features = features
    await vk.start(**DEFAULTS)
    names = [f"{features.count(',')}-{number}" for number in range(count)]
    for name in names:
        await vk.create(f"p-{name}", restartPolicy="Always")
    await eventually(lambda: _all(vk, count), 120)
    vk.site.running()
    await eventually(lambda: running(vk, count), 120)
    delays = [await _one(vk, random.choice(list(vk.site.jobs))) for _ in range(CHANGES)]
    for name in names:
        await vk.delete(f"p-{name}", grace=0)
    await eventually(lambda: _all(vk, 0), 120)
    await vk.stop()
    return delays


async def _all(vk: VirtualNode, count: int) -> bool:
    return len(vk.site.jobs) == count


async def _one(vk: VirtualNode, uid: str) -> float:
    job = vk.site.jobs[uid]
    version = (await vk.api.get(vk.pods, limit=1))["metadata"]["resourceVersion"]
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
