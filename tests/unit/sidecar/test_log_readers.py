"""Whoever reads a log of a running pod holds up nobody else, however slow the schedd is."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from condor_sidecar import metrics
from condor_sidecar.app import live, log_memory, log_stream
from condor_sidecar.app.log_memory import LogMemory
from condor_sidecar.core.log_lines import PIECE, LogWriter
from condor_sidecar.io.schedd import CallDeadlines
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import ContainerView, PodView, Terminated, Waiting
from interlink.protocol.types import LogOptions

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import log_request, until
from tests.unit.sidecar.conftest import Sidecar, created, settings_in

LINE = b"2026-01-01T00:00:01Z stdout F hi\n"
STREAM = b'S {"version":1,"phase":"running","revision":1,"containers":[]}\nL c ' + LINE


async def test_a_reader_of_one_pods_log_holds_up_no_other_pods_end(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    sidecar.deadlines = CallDeadlines(query=600)
    await sidecar.start()
    read, other = await created(sidecar), await created(sidecar)
    for uid in (read, other):
        await sidecar.submitted(uid)
        sidecar.schedd.run(uid)
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.fail("Retrieve", "hang")
    reader = asyncio.create_task(sidecar.logs(read))
    await until(lambda: "Retrieve" in sidecar.schedd.log, "the reader's fetch")
    for uid in (read, other):
        sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(other, "terminated"))["exitCode"] == 0
    reader.cancel()
    await sidecar.crash()


async def test_logs_in_memory_are_bounded_by_their_size(
    tmp_path: Path, schedd: FakeSchedd, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path, output={"live_seconds": 600}))
    monkeypatch.setattr(live, "MOST_BYTES", 2 * 100 * len(LINE))
    await sidecar.start()
    uids = [await created(sidecar) for _ in range(4)]
    for uid in uids:
        await sidecar.submitted(uid)
        job = sidecar.schedd.run(uid)
        job.output = {"supervisor.out": STREAM + (b"L c " + LINE) * 99}
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    for uid in uids:
        assert await sidecar.logs(uid) == "hi\n" * 100
        assert metrics.LIVE_BYTES._value.get() <= live.MOST_BYTES
    assert sidecar.schedd.log.count("Retrieve") == 4
    await sidecar.logs(uids[3])
    assert sidecar.schedd.log.count("Retrieve") == 4, "what was read last is still there"
    assert await sidecar.logs(uids[0]) == "hi\n" * 100
    assert sidecar.schedd.log.count("Retrieve") == 5, "what was read longest ago isn't"
    await sidecar.stop()


async def test_a_log_of_megabytes_is_worked_on_a_piece_at_a_time() -> None:
    data = LINE * (4 * PIECE * 16 // len(LINE))
    turns, size = [0], 0

    async def other() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    memory = LogMemory()
    with memory.share() as share:
        beside = asyncio.create_task(other())
        async for piece in log_stream._chosen(data, LogOptions(), LogWriter(LogOptions()), share):
            assert len(piece) <= PIECE
            size += len(piece)
        assert size == len(b"hi\n") * (len(data) // len(LINE))
        read = turns[0]
        async for _ in log_stream._chosen(data, LogOptions(SinceSeconds=1), LogWriter(LogOptions()), share):
            raise AssertionError("it is all older")
        assert min(read, turns[0] - read) >= len(data) // PIECE, "others had a turn after each piece"
        beside.cancel()
    assert memory.held == 0


async def test_slow_readers_hold_no_more_than_there_is_room_for(
    sidecar: Sidecar, schedd: FakeSchedd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_memory, "MOST_HELD", 1 << 20)
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    schedd.run(uid)
    schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0}, {"c": LINE * ((8 << 20) // len(LINE))})})
    await sidecar.wait_for(uid, "terminated")
    assert await sidecar.logs(uid, Tail=1) == "hi\n"
    async with sidecar.request("GET", "/getLogs", log_request(uid)) as slow:
        assert slow.status == 200
        async with asyncio.timeout(10):
            while (answer := await sidecar.call("GET", "/getLogs", log_request(uid, Tail=1)))[0] != 503:
                await asyncio.sleep(0.02)
        assert "held for slow readers already" in str(answer[1])
    async with asyncio.timeout(10):
        while (await sidecar.call("GET", "/getLogs", log_request(uid, Tail=1)))[0] != 200:
            await asyncio.sleep(0.02)


async def test_a_reader_who_waits_for_another_ones_turn_holds_up_nobody(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path))
    sidecar.deadlines = CallDeadlines(query=600)
    await sidecar.start()
    slow, waits = await created(sidecar), await created(sidecar)
    for uid in (slow, waits):
        await sidecar.submitted(uid)
        sidecar.schedd.run(uid)
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.fail("Retrieve", "hang")
    readers = [asyncio.create_task(sidecar.logs(slow))]
    await until(lambda: "Retrieve" in sidecar.schedd.log, "the first reader's fetch")
    async with sidecar.request("GET", "/getLogs", log_request(waits)) as response:
        assert response.status == 200  # this one stands in the queue now
        sidecar.schedd.complete(waits, 0, {"out.tar": out_tar({"c": 0})})
        assert (await sidecar.wait_for(waits, "terminated"))["exitCode"] == 0
    readers[0].cancel()
    await sidecar.crash()


async def test_a_reader_whose_turn_does_not_come_gets_what_was_read_last(tmp_path: Path, schedd: FakeSchedd) -> None:
    # so short that the reading below isn't fresh any more when it is asked for again
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path, output={"live_seconds": 0.0001}))
    sidecar.deadlines = CallDeadlines(query=1)
    await sidecar.start()
    uids = [await created(sidecar) for _ in range(3)]
    for uid in uids:
        await sidecar.submitted(uid)
        job = sidecar.schedd.run(uid)
        job.output = {"supervisor.out": STREAM}
        await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    assert await sidecar.logs(uids[2]) == "hi\n"
    busy = metrics.SCHEDD_CALLS.labels("retrieve_live", "busy")
    before = busy._value.get()
    sidecar.schedd.fail("Retrieve", "hang", "hang", "hang")
    answers = await asyncio.gather(*(sidecar.logs(uid) for uid in uids))
    assert answers == ["", "", "hi\n"]
    assert busy._value.get() > before
    await sidecar.stop()


@pytest.mark.parametrize(
    ("reason", "restarts", "expected"),
    [("CrashLoopBackOff", 1, (1, True)), ("ErrImagePull", 1, (1, True)), ("ContainerCreating", 2, (1, False))],
)
def test_the_run_that_ended_last_while_a_container_waits(
    reason: str, restarts: int, expected: tuple[int, bool]
) -> None:
    """Whatever it waits for, its next run has a number only once it is being made."""
    last = Terminated(3, "Error")
    waits = ContainerView("c", ContainerKind.MAIN, Waiting(reason), restart_count=restarts, last=last)
    pod: Any = SimpleNamespace(view=PodView((waits,)))
    assert log_stream._ended_last(pod, "c") == expected
