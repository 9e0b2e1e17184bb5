"""`GET /exec` from a caller through the API server to the plugin of ours, with a job that is a fake."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import LostTrack, NotNow
from interlink.protocol.exec import STDERR, STDOUT, SUBPROTOCOL, WINDOW, ExecRequest, TerminalSize

from tests.contract.command_chain import Way, command_chain, interlink_server, outputs, until, waits_to_be_read
from tests.fakes.job_streams import SHOUTED


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with command_chain(tmp_path) as chain:
        yield chain


async def test_both_outputs_and_a_success_come_back(way: Way) -> None:
    found, status = await way.run("say", "out", "err")
    assert found == {STDOUT: b"out", STDERR: b"err"}
    assert status["status"] == "Success"


async def test_an_exit_code_is_what_kubectl_reads_it_from(way: Way) -> None:
    _, status = await way.run("exit", "3")
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_input_goes_in_and_comes_back_whole(way: Way) -> None:
    async with way.exec("cat", Stdin=True) as stream:

        async def feed() -> None:
            for number in range(100):
                await stream.write(bytes([number]) * 50_000)
            await stream.eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            found, status = await outputs(stream)
    assert found[STDOUT] == b"".join(bytes([number]) * 50_000 for number in range(100))
    assert status["status"] == "Success"


async def test_the_terminal_and_what_is_wanted_arrive_at_the_job(way: Way) -> None:
    async with way.exec("cat", Stdin=True, TTY=True) as stream:
        await stream.resize(TerminalSize(132, 43))
        await until(lambda: bool(way.jobs.commands and way.jobs.commands[0].sizes))
    (job,) = way.jobs.commands
    assert job.sizes == [(132, 43)]
    wanted = {"command": ["cat"], "container": "c", "stdin": True, "stdout": True, "stderr": False, "tty": True}
    assert dict(job.message) == {"type": "exec", **wanted}


async def test_an_attachment_names_no_command(way: Way) -> None:
    async with way.exec(Attach=True, container="d"):
        await until(lambda: bool(way.jobs.commands))
    wanted = {"container": "d", "stdin": False, "stdout": True, "stderr": True, "tty": False}
    assert dict(way.jobs.commands[0].message) == {"type": "attach", **wanted}


async def test_a_caller_that_does_not_read_holds_the_command_up(way: Way) -> None:
    async with way.exec("shout") as stream:
        await until(lambda: bool(way.jobs.commands))
        job = way.jobs.commands[0]
        await until(lambda: waits_to_be_read(stream) and job.stands_still)
        found = 0
        async for _, data in stream.pieces():
            found += len(data)
            if found == SHOUTED:
                break
        assert not job.stands_still, "it said the rest when it was read"
    await asyncio.wait_for(job.closed.wait(), 10)


async def test_a_command_that_does_not_read_holds_its_caller_up_and_is_left_all_the_same(way: Way) -> None:
    sent = 0
    async with way.exec("hang", Stdin=True) as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    await stream.write(bytes(32 * 1024))
                    sent += 32 * 1024
        (job,) = way.jobs.commands
    assert sent == WINDOW
    await asyncio.wait_for(job.closed.wait(), 10)


async def test_a_caller_that_sends_more_than_it_may_is_told(way: Way) -> None:
    async with way.exec("hang", Stdin=True) as stream:
        stream._credit = 1 << 30
        await stream.write(bytes(4 * WINDOW))
        _, status = await outputs(stream)
    assert "without being granted" in status["message"]


async def test_who_leaves_ends_the_command(way: Way) -> None:
    async with way.exec("cat", Stdin=True):
        await until(lambda: bool(way.jobs.commands))
    await asyncio.wait_for(way.jobs.commands[0].closed.wait(), 10)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"uid": "other"}, "pod pod (UID other) is not known at this site"),
        ({"container": "x"}, "container x is not in pod pod (c, d)"),
        ({"uid": "far"}, "soon after its start"),
    ],
)
async def test_what_can_not_be_opened_says_why(way: Way, fields: dict[str, Any], words: str) -> None:
    _, status = await way.run("cat", **fields)
    assert status["status"] == "Failure"
    assert words in status["message"]


async def test_a_command_that_is_not_there_is_said_in_a_runtime_s_words(way: Way) -> None:
    _, status = await way.run("nope")
    assert status["message"] == 'exec: "nope": executable file not found in $PATH'


async def test_a_caller_that_sends_no_request_is_told(way: Way) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{way.url}/exec", protocols=[SUBPROTOCOL]) as socket,
    ):
        await socket.send_bytes(b"\0hello")
        assert b"the first message has to be the request" in (await socket.receive_bytes())
        message = await socket.receive()
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_a_connection_that_breaks_is_no_end_of_the_command(way: Way) -> None:
    async with way.exec("cat", Stdin=True) as stream:
        await until(lambda: bool(way.jobs.commands))
        way.jobs.commands[0].stream.take_loss()
        _, status = await outputs(stream)
        assert "the job's connection is gone" in status["message"]


async def test_a_plugin_without_commands_is_said(tmp_path: Path) -> None:
    async with interlink_server(f"unix://{tmp_path}/none.sock") as url, InterlinkClient(url) as client:
        with pytest.raises(LostTrack) as refused:
            async with client.exec(ExecRequest("ns", "uid", "pod", "c", ["x"])):
                pass
        assert refused.value.http_status == 501
        assert refused.value.reason == "the plugin behind this server runs no commands in containers"


async def test_the_plugin_s_words_for_a_refusal_reach_the_caller(way: Way) -> None:
    words = "no: 100 % of its places are taken, says the site\nin Žilina"
    way.jobs.refusal = NotNow(words, retry_after=7, http_status=503)
    with pytest.raises(NotNow) as refused:
        await way.run("cat")
    assert (refused.value.reason, refused.value.retry_after, refused.value.http_status) == (words, 7, 503)
