"""What a relay needs for 1,000 listening workers with their nannies, and for 200 streams at the same time."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench.figures import RESULTS
from tests.bench.processes import cpu_seconds, resident_mib
from tests.fakes.relay_member import Process, process
from tests.unit.relay.conftest import Hands, Reply

LISTENERS = 2000
STREAMS = 200
EACH = 5_000_000
REST_SECONDS = 20


def memory(relay: Process) -> float:
    """Resident MiB."""
    assert relay.running is not None
    return resident_mib(relay.running.pid)


def cpu(relay: Process) -> float:
    """Seconds of CPU so far."""
    assert relay.running is not None
    return cpu_seconds(relay.running.pid)


async def measure(relay: Process) -> list[tuple[str, float, str]]:
    found = [("memory, nobody there", memory(relay), "MiB")]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        hands = Hands(relay.member, session, [])
        ticket, context = relay.member.ticket("listen"), hands.context or True
        gate = asyncio.Semaphore(50)

        async def connect(number: int) -> aiohttp.ClientWebSocketResponse:
            headers = {"Authorization": f"Bearer {ticket}"}
            async with gate:
                url = f"{relay.member.url}/v1/listen/w{number}"
                return await session.ws_connect(url, headers=headers, ssl=context)

        began, before = time.monotonic(), cpu(relay)
        controls = await asyncio.gather(*(connect(number) for number in range(LISTENERS)))
        found += [
            (f"{LISTENERS} control connections made", time.monotonic() - began, "s"),
            ("CPU for that", cpu(relay) - before, "s"),
            (f"memory, {LISTENERS} control connections", memory(relay), "MiB"),
        ]
        # pings are answered only by whoever reads
        readers = [asyncio.create_task(control.receive()) for control in controls]
        before = cpu(relay)
        await asyncio.sleep(REST_SECONDS)
        found.append(("CPU at rest, pings included", (cpu(relay) - before) / REST_SECONDS * 100, "% of a core"))
        ends = [await _stream(hands, readers[number], f"w{number}") for number in range(STREAMS)]
        found.append((f"memory, and {STREAMS} streams", memory(relay), "MiB"))
        before, began, peak = cpu(relay), time.monotonic(), 0.0
        moving = [asyncio.create_task(end.send(b"x" * EACH)) for end, _ in ends]
        reading = [asyncio.create_task(_count(other.reader)) for _, other in ends]
        while not all(task.done() for task in reading):
            peak = max(peak, memory(relay))
            await asyncio.sleep(0.1)
        taken = time.monotonic() - began
        found += [
            (f"{STREAMS} streams of {EACH // 1_000_000} MB at once", taken, "s"),
            ("CPU for that", cpu(relay) - before, "s"),
            ("memory, most while they move", peak, "MiB"),
        ]
        for task in (*readers, *moving):
            task.cancel()
        for writer in hands.opened:
            writer.transport.abort()
    return found


async def _stream(hands: Hands, reader: asyncio.Task[aiohttp.WSMessage], name: str) -> tuple[Reply, Reply]:
    dial = asyncio.create_task(hands.get(f"/v1/dial/{name}", hands.member.ticket("dial")))
    token = (await reader).json()["call"]
    accepted = await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))
    return await dial, accepted


async def _count(reader: asyncio.StreamReader) -> None:
    left = EACH
    while left > 0:
        left -= len(await reader.read(256 * 1024))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tls", [True, False], ids=["relay does TLS", "behind an ingress"])
def test_a_thousand_workers_listen_and_two_hundred_streams_move(
    tmp_path: Path, request: pytest.FixtureRequest, tls: bool
) -> None:
    run = f"relay-load, {request.node.callspec.id}"
    with process(tmp_path, tls=tls) as relay:
        found = uvloop.run(measure(relay))
    RESULTS.mkdir(exist_ok=True)
    table = Table("what", "how much", "", title=run)
    with (RESULTS / "relay-load.jsonl").open("a") as stream:
        for name, value, unit in found:
            stream.write(json.dumps({"run": run, "name": name, "value": value, "unit": unit, "at": time.time()}) + "\n")
            table.add_row(name, f"{value:.2f}", unit)
    Console().print(table)
