"""`kubectl attach`: the standard streams of a container's first process, over the sidecar's /exec and the job channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import ExecRequest, TerminalSize
from interlink.protocol.exec_stream import ExecStream
from interlink.protocol.features import EXEC

from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import gate
from tests.unit.sidecar.supervisor.jobs import shell


class Reader:
    """Somebody who is attached."""

    def __init__(self, stream: ExecStream) -> None:
        self.stream = stream
        self.text = b""
        self._more = asyncio.Event()

    async def read(self) -> None:
        async for _, data in self.stream.pieces():
            self.text += data
            self._more.set()

    async def sees(self, text: bytes) -> None:
        async with asyncio.timeout(20):
            while text not in self.text:
                self._more.clear()
                await self._more.wait()


@contextlib.asynccontextmanager
async def attached(site: Site, uid: str, container: str = "c", **fields: Any) -> AsyncIterator[Reader]:
    async with InterlinkClient(f"unix://{site.folder}/s.sock") as client:
        request = ExecRequest("ns", uid, "pod", container, Attach=True, Stdin=True, **fields)
        async with client.exec(request) as stream:
            reader = Reader(stream)
            reading = asyncio.create_task(reader.read())
            yield reader
            reading.cancel()


async def running(site: Site, script: str, **fields: Any) -> str:
    uid = await site.pod()
    site.job(uid, shell("c", script, **fields), shell("d", gate(site.folder, "end"))).start()
    await site.sidecar.wait_for(uid, "running")
    return uid


async def test_what_is_typed_is_read_and_what_is_written_is_shown_to_all(site: Site) -> None:
    uid = await running(site, "while read word; do echo got $word; done; echo end", stdin=True, stdin_once=True)
    async with attached(site, uid) as one, attached(site, uid) as other:
        await one.stream.write(b"first\n")
        await one.sees(b"got first\n")
        await other.stream.write(b"second\n")
        for reader in (one, other):
            await reader.sees(b"got second\n")
        await one.stream.eof()
        for reader in (one, other):
            await reader.sees(b"end\n")
    assert await site.sidecar.logs(uid) == "got first\ngot second\nend\n"
    (site.folder / "end").touch()


async def test_who_leaves_a_container_leaves_it_running_unless_its_input_was_for_once(site: Site) -> None:
    uid = await running(site, "while read word; do echo got $word; done; echo end", stdin=True)
    for word in (b"one", b"two"):
        async with attached(site, uid) as reader:
            await reader.stream.write(word + b"\n")
            await reader.sees(b"got " + word)
    assert await site.sidecar.logs(uid) == "got one\ngot two\n"
    (site.folder / "end").touch()


async def test_the_input_that_is_for_once_ends_with_the_first_who_leaves(site: Site) -> None:
    uid = await running(site, "while read word; do echo got $word; done; echo end", stdin=True, stdin_once=True)
    async with attached(site, uid) as stays:
        async with attached(site, uid) as leaves:
            await leaves.stream.write(b"word\n")
            await stays.sees(b"got word\n")
        await stays.sees(b"end\n")
    (site.folder / "end").touch()


async def test_a_container_with_a_terminal_has_one(site: Site) -> None:
    script = (
        f"test -t 0 && test -t 1 && test -t 2 && echo yes; {gate(site.folder, 'go')}; stty size; read word; echo $word"
    )
    uid = await running(site, script, stdin=True, tty=True)
    async with attached(site, uid, TTY=True) as reader:
        await reader.stream.resize(TerminalSize(132, 43))
        await reader.stream.write(b"word\n")
        await reader.sees(b"word\r\n")
        (site.folder / "go").touch()
        await reader.sees(b"43 132\r\nword\r\n")
    assert "yes\r\n" in await site.sidecar.logs(uid)
    (site.folder / "end").touch()


async def test_a_size_for_a_container_without_a_terminal_disturbs_nobody(site: Site) -> None:
    uid = await running(site, "while read word; do echo got $word; done", stdin=True)
    async with attached(site, uid) as one, attached(site, uid) as other:
        await one.stream.resize(TerminalSize(80, 24))
        for reader in (one, other):
            await reader.stream.write(b"word\n")
            await reader.sees(b"got word\n")
    assert site.cutter.made == 1, "the connection stands"
    (site.folder / "end").touch()


async def test_an_attachment_ends_with_its_container(site: Site) -> None:
    uid = await running(site, "read word; exit 3", stdin=True)
    async with attached(site, uid) as reader:
        await reader.stream.write(b"\n")
        async with asyncio.timeout(20):
            while reader.stream.status is None:
                await asyncio.sleep(0.01)
    assert reader.stream.status["status"] == "Success", "as under a kubelet: the pod's status has the code"
    (site.folder / "end").touch()


@pytest.mark.parametrize("attach", [True, False])
async def test_a_container_that_has_ended_is_said_so(site: Site, attach: bool) -> None:
    uid = await running(site, f"until [ -e {site.folder}/go ]; do sleep 0.05; done")
    (site.folder / "go").touch()
    await site.sidecar.wait_for(uid, "terminated")
    async with InterlinkClient(f"unix://{site.folder}/s.sock") as client:
        request = ExecRequest("ns", uid, "pod", "c", [] if attach else ["sh"], Attach=attach)
        async with client.exec(request) as stream:
            assert [piece async for piece in stream.pieces()] == []
    assert stream.status is not None
    assert stream.status["message"] == "container c is not running"
    (site.folder / "end").touch()


async def test_commands_are_announced_with_the_channel_alone(site: Site) -> None:
    async with site.sidecar.request("GET", "/status", []) as response:
        assert EXEC in response.headers["InterLink-Features"]
