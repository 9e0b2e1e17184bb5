"""Jobs as the job channel sees them: each a WebSocket that says what a supervisor says, when it says it, and runs nothing."""

import asyncio
import contextlib
import json
import random
import ssl
import time
from collections.abc import AsyncIterator, Iterable

import aiohttp
from condor_sidecar.job.supervisor.channel import USAGE_SECONDS
from condor_sidecar.job.supervisor.channel_protocol import PING_SECONDS, SUBPROTOCOL, VERSION, encode, signature
from condor_sidecar.job.supervisor.state import RUNNING, PodState

from tests.bench.sidecar_process import SidecarProcess
from tests.unit.sidecar.supervisor.jobs import pod, shell

DIALLING = 50  # at the same time
CONNECT_SECONDS = 60.0


def running_pod(uid: str) -> PodState:
    """The record of a pod whose one container, `c`, has just started."""
    state = PodState(pod(shell("c", "true"), uid=uid), "wn", "")
    state.phase = RUNNING
    _run(state)
    return state


def _run(state: PodState) -> None:
    container = state.container("c")
    container.begin()
    container.run(time.time())
    container.started_up = container.ready = True
    state.revision += 1


class SimulatedJob:
    """One pod's job; its record is made by the supervisor's own code."""

    def __init__(self, uid: str, ticket: str) -> None:
        self.uid, self._ticket = uid, ticket
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.state = running_pod(uid)

    async def connect(self, session: aiohttp.ClientSession, url: str, context: ssl.SSLContext | bool) -> None:
        """Dial, say hello, and tell the record."""
        headers = {"Authorization": f"Bearer {self._ticket}"}
        self._socket = await session.ws_connect(
            url, headers=headers, protocols=(SUBPROTOCOL,), ssl=context, compress=0, heartbeat=None
        )
        await self._socket.send_str(encode("hello", version=VERSION, uid=self.uid))
        welcome = json.loads(await self._socket.receive_str(timeout=CONNECT_SECONDS))
        assert welcome["type"] == "welcome", welcome
        await self.tell_state()

    def restarted(self) -> int:
        """The container was started again; how often it has been by now."""
        self.state.container("c").finish(1, None, "", "", time.time())
        _run(self.state)
        return self.state.container("c").restart_count

    async def tell_state(self) -> None:
        record = self.state.record().decode()
        await self._send(encode("state", record=record, signature=signature(self._ticket, record)))

    async def stay(self) -> None:
        """Usage now and then, and pings, since nothing is heard; what comes is read."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._tell_usage())
            group.create_task(self._ping())

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            raise AssertionError(f"a job at rest was told {message}")
        raise AssertionError(f"the connection of {self.uid} has ended ({self._socket.close_code})")

    async def _tell_usage(self) -> None:
        await asyncio.sleep(random.uniform(0, USAGE_SECONDS))
        cpu = 0.0
        while True:
            used = [{"name": "c", "cpu_seconds": cpu, "memory_bytes": 100 << 20}]
            await self._send(encode("usage", time=time.time(), containers=used))
            await asyncio.sleep(USAGE_SECONDS)
            cpu += USAGE_SECONDS / 2

    async def _ping(self) -> None:
        assert self._socket is not None
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._socket.ping()

    async def _send(self, message: str) -> None:
        assert self._socket is not None
        await self._socket.send_str(message)


@contextlib.asynccontextmanager
async def jobs_of(sidecar: SidecarProcess, uids: Iterable[str]) -> AsyncIterator[dict[str, SimulatedJob]]:
    """The jobs of these pods, by UID, connected inside the context. The context ends with an error where a connection does."""
    made = {uid: SimulatedJob(uid, sidecar.ticket(uid)) for uid in uids}
    gate = asyncio.Semaphore(DIALLING)
    async with _session(sidecar) as (session, url, context):

        async def connect(job: SimulatedJob) -> None:
            async with gate:
                await job.connect(session, url, context)

        await asyncio.gather(*map(connect, made.values()))
        async with asyncio.TaskGroup() as group:
            staying = [group.create_task(job.stay()) for job in made.values()]
            yield made
            for task in staying:
                task.cancel()


@contextlib.asynccontextmanager
async def _session(
    sidecar: SidecarProcess,
) -> AsyncIterator[tuple[aiohttp.ClientSession, str, ssl.SSLContext | bool]]:
    path = sidecar.channel.removeprefix("unix://")
    connector: aiohttp.BaseConnector
    context: ssl.SSLContext | bool = True
    if path != sidecar.channel:
        connector, url = aiohttp.UnixConnector(path, limit=0), "http://sidecar/job-channel"
    else:
        connector, url = aiohttp.TCPConnector(limit=0), f"{sidecar.channel}/job-channel"
        context = ssl.create_default_context(cafile=str(sidecar.authority.file))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session, url, context
