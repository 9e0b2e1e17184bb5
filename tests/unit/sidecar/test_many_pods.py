"""Thousands of pods: answers stay quick because nothing blocks the loop and a status is a look-up."""

import asyncio
import base64
import gc
import json
import time
import uuid
from pathlib import Path

from condor_sidecar.app.pods import PodTable
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import Journal
from condor_sidecar.model.job_ad import JobAd

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import pod
from tests.unit.sidecar.conftest import Sidecar, settings_in
from tests.unit.sidecar.test_journal import record

LAG_SECONDS = 0.05
MANY = 5000


NOISE = 3
"""Long turns that a busy machine may cause; something that blocks does it for each of the pods."""


async def long_turns(stop: asyncio.Event) -> list[float]:
    """Processor time of the loop's turns that took too much of it: what blocks, whatever else the machine does."""
    found = []
    began = time.thread_time()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        if now - began > LAG_SECONDS:
            found.append(now - began)
        began = now
    return found


async def test_a_burst_of_creates_and_their_ends_never_block_the_loop(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    await sidecar.start()
    # what the test session has gathered so far isn't the sidecar's to walk through
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    watch = asyncio.create_task(long_turns(stop))
    # wide bursts would measure the client, which shares this loop
    uids = [str(uuid.uuid4()) for _ in range(120)]
    for first in range(0, len(uids), 8):
        await asyncio.gather(*(sidecar.create(pod(uid)) for uid in uids[first : first + 8]))
    for uid in uids:
        await sidecar.submitted(uid)
    for uid in uids:
        schedd.run(uid)
        schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0}, {"c": b"2026-01-01T00:00:01Z stdout F x\n" * 100})})
        await asyncio.sleep(0)
    for uid in uids:
        assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    stop.set()
    blocked = await watch
    gc.unfreeze()
    await sidecar.stop()
    assert len(blocked) <= NOISE, f"turns of the loop that took too long, in seconds: {blocked}"


async def test_large_creates_never_block_the_loop(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    await sidecar.start()
    # made before the watch begins: the client shares this loop
    uids = [str(uuid.uuid4()) for _ in range(8)]
    bodies = [await asyncio.to_thread(large_create, uid) for uid in uids]
    assert len(bodies[0]) > 4 << 20
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    watch = asyncio.create_task(long_turns(stop))
    answers = []
    for body in bodies:  # one after the other: each that blocks is a turn of its own
        answers += await asyncio.gather(*(sidecar.call("POST", "/create", body) for _ in range(2)))
    stop.set()
    blocked = await watch
    gc.unfreeze()
    assert [code for code, _ in answers] == [200] * 16, answers
    for uid in uids:
        await sidecar.submitted(uid)
        assert len(sidecar.schedd.of(uid)) == 1, "asked twice at once, and one job"
    await sidecar.stop()
    assert len(blocked) <= NOISE, f"turns of the loop that took too long, in seconds: {blocked}"


def large_create(uid: str) -> bytes:
    """A create with Secrets of some megabytes and thousands of variables."""
    names = [f"s{number}" for number in range(6)]
    wanted = pod(uid, volumes=[{"name": name, "secret": {"secretName": name}} for name in names])
    container = wanted["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": name, "mountPath": f"/{name}"} for name in names]
    container["env"] = [{"name": f"V{number}", "value": "x" * 200} for number in range(12000)]
    content = base64.b64encode(b"s" * 300_000).decode()
    secrets = [{"metadata": {"name": name}, "data": {"key": content}} for name in names]
    return json.dumps({"pod": wanted, "container": [{"name": "c", "secrets": secrets}], "jobConfig": {}}).encode()


def job(uid: str, number: int, status: int) -> JobAd:
    return JobAd(cluster=1, proc=number, uid=uid, status=status, containers="m:c", namespace="ns", name="n", starts=1)


async def test_a_query_of_thousands_is_taken_in_slices_and_a_status_is_a_look_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    table = PodTable(journal)
    table.restore(await journal.open())
    uids = [f"u{number}" for number in range(MANY)]
    for uid in uids:
        table.add(record(uid), None).enter(Stage.PRESENT)

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    touched = await table.take_ads([job(uid, n, 2) for n, uid in enumerate(uids)], (), complete=True)
    other.cancel()
    assert len(touched) == MANY
    assert turns >= MANY // 200, "nobody else had a turn"
    for uid in touched:
        table.settle_job(table.pods[uid])
        table.show(table.pods[uid])

    first = table.status(table.pods["u7"])
    assert table.status(table.pods["u7"]) is first, "a status is made once per change, not per question"
    await table.take_ads([job("u7", 7, 7)], (), complete=False)
    table.pods["u7"].touch()
    assert table.status(table.pods["u7"]) is not first
    await journal.close()
