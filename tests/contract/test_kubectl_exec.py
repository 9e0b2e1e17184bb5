"""The real kubectl at the kubelet port, over SPDY and over WebSockets, with everything behind it but for the job."""

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from devcluster.kubernetes import tools
from devcluster.paths import cache_root
from devcluster.steps import StepLog

from tests.contract.command_chain import Way, command_chain, until
from tests.contract.node_port import POD, Everybody, node_port
from tests.fakes.job_streams import FakeChannels
from tests.fakes.upgrade_proxy import api_server


@dataclass
class Kubectl:
    """`kubectl`, with the address of a cluster."""

    program: str
    url: str
    websockets: bool
    jobs: FakeChannels
    api: Everybody

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        env = {
            **os.environ,
            "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": str(self.websockets).lower(),
            "KUBECONFIG": "/dev/null",
        }
        argv = [self.program, f"--server={self.url}", "--namespace=ns", *words]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)

    async def __call__(self, *words: str, stdin: bytes = b"") -> tuple[int | None, bytes, str]:
        process = await self.start(*words)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin)
        return process.returncode, out, err.decode()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("tools")
    return str(tools.ensure(cache_root(), StepLog(folder / "log", lambda _note: None))["kubectl"])


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    async with command_chain(tmp_path) as chain:
        yield chain


@pytest.fixture(params=[False, True], ids=["spdy", "websocket"])
async def kubectl(way: Way, program: str, request: pytest.FixtureRequest) -> AsyncIterator[Kubectl]:
    api = Everybody()
    async with node_port(way, api) as port, api_server(POD, port, "token") as url:
        yield Kubectl(program, url, request.param, way.jobs, api)


async def test_both_outputs_come_back(kubectl: Kubectl) -> None:
    assert await kubectl("exec", "p", "-c", "c", "--", "say", "out", "err") == (0, b"out", "err")
    assert set(kubectl.api.verbs) == {"create"}


async def test_the_exit_code_comes_back(kubectl: Kubectl) -> None:
    code, _, err = await kubectl("exec", "p", "-c", "c", "--", "exit", "3")
    assert code == 3
    assert "command terminated with exit code 3" in err


async def test_five_megabytes_go_in_and_come_back(kubectl: Kubectl) -> None:
    data = random.Random(1).randbytes(5 << 20)
    code, out, _ = await kubectl("exec", "-i", "p", "-c", "c", "--", "cat", stdin=data)
    assert code == 0
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()


async def test_what_is_not_there_is_said_as_elsewhere(kubectl: Kubectl) -> None:
    code, _, err = await kubectl("exec", "p", "-c", "c", "--", "nope")
    assert code == 1
    assert 'exec: "nope": executable file not found in $PATH' in err


async def test_an_attachment_is_one(kubectl: Kubectl) -> None:
    code, out, _ = await kubectl("attach", "-i", "p", "-c", "c", stdin=b"hello")
    assert (code, out) == (0, b"hello")
    assert kubectl.jobs.commands[0].message["type"] == "attach"


async def test_who_leaves_ends_the_command_also_when_it_reads_nothing(kubectl: Kubectl) -> None:
    process = await kubectl.start("exec", "-i", "p", "-c", "c", "--", "hang")
    assert process.stdin is not None
    process.stdin.write(bytes(8 << 20))
    await until(lambda: bool(kubectl.jobs.commands))
    process.kill()
    await asyncio.wait_for(kubectl.jobs.commands[0].closed.wait(), 60)
    await process.wait()


async def test_the_job_that_is_lost_is_said(kubectl: Kubectl) -> None:
    process = await kubectl.start("exec", "-i", "p", "-c", "c", "--", "cat")
    await until(lambda: bool(kubectl.jobs.commands))
    kubectl.jobs.commands[0].stream.take_loss()
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "the job's connection is gone" in err.decode()
