"""Who reads slowly stands the writer in the job still: no more than was granted is under way, and nothing else waits for it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from condor_sidecar.app.channel import connection
from condor_sidecar.job.supervisor import channel as supervisor_channel
from condor_sidecar.job.supervisor import channel_link, channel_logs
from condor_sidecar.job.supervisor.channel import Channel
from condor_sidecar.job.supervisor.channel_logs import PREVIOUS, Run
from condor_sidecar.job.supervisor.channel_protocol import PIECE, STDOUT, WINDOW
from condor_sidecar.job.supervisor.channel_streams import Gone, OnEnd, Send, Session
from condor_sidecar.job.supervisor.logs import LogFile
from condor_sidecar.job.supervisor.state import RUNNING, PodState
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import ExecRequest, TerminalSize

from tests.contract.command_chain import waits_to_be_read
from tests.fakes import plugin_client
from tests.fakes.plugin_client import log_request, until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_commands_and_updates import update
from tests.unit.sidecar.supervisor.jobs import pod, shell

SHOUTED = 64 << 20
BUFFERS = 4 << 20
"""Far more than both sides' windows and the buffers of every socket between them, far less than what is shouted."""
LINE = b"2026-01-01T00:00:00.000000000Z stdout F " + b"x" * 1000 + b"\n"


class Shout(Session):
    """Writes SHOUTED bytes as fast as they are taken; `sent` counts them."""

    def __init__(self, send: Send, on_end: OnEnd) -> None:
        self.sent = 0
        self._stream = cast(Any, send).__self__  # its stream's own method
        self._send, self._on_end = send, on_end
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def stands_still(self) -> bool:
        """All that was granted is used up."""
        return WINDOW <= self.sent < SHOUTED and int(self._stream._credit) < PIECE

    def resize(self, width: int, height: int) -> None:
        raise OSError("it has no size")

    def _run(self) -> None:
        with contextlib.suppress(Gone):
            while self.sent < SHOUTED:
                self._send(STDOUT, b"x" * PIECE)
                self.sent += PIECE
            self._on_end(0, "", "")


class Dialled:
    """A supervisor's own channel of a pod in this process, with a log of container c, commands that shout, and a record."""

    def __init__(self, site: Site, uid: str) -> None:
        self.shouts: list[Shout] = []
        self.cpu = 1.5
        self.log = LogFile(str(site.folder / "c.log"), 1 << 20)
        self.state = PodState(pod(shell("c", "true"), uid=uid), "wn", "")
        self.state.phase = RUNNING
        self.state.container("c").run(1.7e9)
        openers = {"log": channel_logs.opener(self._find), "exec": self._shout}
        address = site.sent_plan(uid).channel
        assert address is not None
        self.channel = Channel(address, uid, openers, self._update, self._usage)

    def _find(self, _: str, restart: int) -> Run | None:
        return None if restart == PREVIOUS or restart > 0 else Run(0, self.log)

    def _shout(self, _: dict[str, Any], send: Send, on_end: OnEnd) -> Session:
        self.shouts.append(Shout(send, on_end))
        return self.shouts[-1]

    def _update(self, message: dict[str, Any]) -> None:
        self.channel.answer(message["number"], "")

    def _usage(self) -> list[dict[str, Any]]:
        return [
            {"name": "c", "cpu_seconds": self.cpu, "memory_bytes": 7 << 20},
            {"name": "a stranger", "cpu_seconds": 1.0, "memory_bytes": 1},
        ]

    @property
    def open_streams(self) -> int:
        """As the job's end of the connection has them."""
        return len(self.channel._link._streams) if self.channel._link is not None else 0

    def publish(self) -> None:
        """Tell that the container was started again."""
        container = self.state.container("c")
        container.finish(1, None, "", "", 1.7e9)
        container.begin()
        container.run(1.7e9)
        self.state.revision += 1
        self.channel.publish(self.state.record())


@pytest.fixture
def quick_usage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(supervisor_channel, "USAGE_SECONDS", 0.1)
    yield


@contextlib.asynccontextmanager
async def dialled(site: Site) -> AsyncIterator[tuple[str, Dialled]]:
    """A running pod whose supervisor's channel is connected."""
    uid = await site.pod()
    site.schedd.run(uid)
    made = Dialled(site, uid)
    made.channel.start()
    made.publish()
    await site.sidecar.wait_for(uid, "running")
    try:
        yield uid, made
    finally:
        await asyncio.to_thread(made.channel.finish, 0.0)


@contextlib.asynccontextmanager
async def unread(site: Site, uid: str, made: Dialled, shouts: int = 1) -> AsyncIterator[Any]:
    """A command that shouts to a caller who doesn't read, from when it has come to a stand."""
    async with InterlinkClient(f"unix://{site.sidecar.socket}") as client:
        async with client.exec(ExecRequest("ns", uid, "pod", "c", ["shout"])) as stream:
            await until(lambda: len(made.shouts) == shouts, "it shouts")
            await until(lambda: waits_to_be_read(stream) and made.shouts[-1].stands_still, "it stands still", 20)
            yield stream


async def test_a_command_that_shouts_is_stood_still_and_goes_on_when_it_is_read(site: Site) -> None:
    async with dialled(site) as (uid, made), unread(site, uid, made) as stream:
        (shout,) = made.shouts
        assert WINDOW <= shout.sent < BUFFERS
        taken = 0
        async with asyncio.timeout(60):
            async for _, data in stream.pieces():
                taken += len(data)
        assert taken == SHOUTED
        assert stream.status["status"] == "Success"


async def test_states_usage_updates_and_logs_pass_by_one_who_does_not_read(site: Site, quick_usage: None) -> None:
    async with dialled(site) as (uid, made), unread(site, uid, made):
        made.publish()
        async with asyncio.timeout(10):
            while (await restarts(site, uid)) != 2:
                await asyncio.sleep(0.02)
        made.log.write(LINE)
        assert await site.sidecar.logs(uid) == "x" * 1000 + "\n"
        made.cpu = 2.5
        async with asyncio.timeout(10):
            while (await cpu(site)) != 2_500_000_000:
                await asyncio.sleep(0.02)
        assert (await update(site, plugin_client.pod(uid), "new"))[0] == 200
        assert made.shouts[0].sent < BUFFERS, "it still stands"


@pytest.mark.parametrize("side", [connection, channel_link], ids=["sidecar", "job"])
async def test_more_streams_than_a_pod_may_have_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, side: Any
) -> None:
    monkeypatch.setattr(side, "MOST_STREAMS", 1)
    async with dialled(site) as (uid, made):
        async with unread(site, uid, made), InterlinkClient(f"unix://{site.sidecar.socket}") as client:
            async with client.exec(ExecRequest("ns", uid, "pod", "c", ["shout"])) as further:
                assert [piece async for piece in further.pieces()] == []
            assert further.status is not None
            assert further.status["message"] == "1 streams of this pod are open already"
        await until(lambda: not made.open_streams, "the first has left")
        async with unread(site, uid, made, shouts=2):
            pass


async def test_a_stream_that_breaks_is_no_trouble_of_the_others(site: Site) -> None:
    async with dialled(site) as (uid, made), unread(site, uid, made) as stream:
        await stream.resize(TerminalSize(80, 24))
        async with asyncio.timeout(20):
            async for _ in stream.pieces():
                pass
        assert stream.status["message"] == "resize: it has no size"
        assert site.cutter.made == 1, "the connection stands"


async def restarts(site: Site, uid: str) -> int:
    status = await site.sidecar.status(uid)
    assert status is not None
    return int(status["containers"][0]["restartCount"])


async def cpu(site: Site) -> int:
    _, found = await site.sidecar.call("GET", "/stats?node=vk-test")
    return int(found[0]["containers"][0]["cpuNanoSeconds"]) if found else 0


async def test_what_containers_use_is_told_by_the_job_and_only_of_the_pod_s_own(site: Site, quick_usage: None) -> None:
    async with dialled(site) as (uid, _):
        async with asyncio.timeout(10):
            while not (found := (await site.sidecar.call("GET", "/stats?node=vk-test"))[1]):
                await asyncio.sleep(0.02)
        (told,) = found
        assert told["UID"] == uid
        (container,) = told["containers"]
        assert (container["name"], container["memoryBytes"]) == ("c", 7 << 20)
        assert container["cpuNanoSeconds"] == 1_500_000_000
    async with asyncio.timeout(10):
        while (await site.sidecar.call("GET", "/stats?node=vk-test"))[1]:
            await asyncio.sleep(0.02)


def shout(log: LogFile) -> None:
    for _ in range(SHOUTED // len(LINE)):
        log.write(LINE)
    log.write(LINE.replace(b"xxx", b"end", 1))
    log.end()


async def test_a_follower_who_falls_behind_a_full_log_is_told_what_is_missing(site: Site) -> None:
    async with dialled(site) as (uid, made):
        async with site.sidecar.request("GET", "/getLogs", log_request(uid, Follow=True)) as response:
            async with asyncio.timeout(60):
                await asyncio.to_thread(shout, made.log)
                lines = [line async for line in response.content]
        assert lines[-1].startswith(b"end")
        missing = [line for line in lines if b"bytes of log are left out here" in line]
        left_out = sum(int(line.split(b"[")[1].split(b" ")[0]) for line in missing)
        assert left_out + len(LINE) * (len(lines) - len(missing)) == SHOUTED // len(LINE) * len(LINE) + len(LINE)
