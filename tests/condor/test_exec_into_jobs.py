"""`kubectl exec` and `attach` into jobs that run in real Apptainer, over the job channel that each job dials to a real sidecar."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import plan as job_plan
from condor_sidecar.model.plan import Plan
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import STDERR, STDOUT, ExecRequest, TerminalSize
from interlink.protocol.exec_stream import ExecStream

from tests.condor.apptainer_jobs import Worker, changed, planned, pod, shell, working
from tests.fakes.certificates import Authority
from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.cutter import Cutter
from tests.fakes.relay_member import free_port
from tests.unit.sidecar.channel.conftest import Site

LIVES = "echo begun; while read word; do echo got $word; done; sleep 1000"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority.create(tmp_path)
    async with FakeSchedd(tmp_path) as schedd, Cutter(free_port()) as cutter:
        made = Site(tmp_path, schedd, cutter, authority.server(tmp_path), authority.file)
        await made.sidecar.start()
        yield made
        await made.sidecar.stop()


class Running:
    """A pod whose job runs on the worker, and is connected."""

    def __init__(self, client: InterlinkClient, uid: str) -> None:
        self.client, self.uid = client, uid

    def request(self, *command: str, **fields: Any) -> ExecRequest:
        return ExecRequest("default", self.uid, "pod", "c", list(command), **fields)

    async def run(self, *command: str, stdin: bytes = b"", **fields: Any) -> tuple[bytes, bytes, dict[str, Any]]:
        async with self.client.exec(self.request(*command, Stdin=True, **fields)) as stream:

            async def feed() -> None:
                await stream.write(stdin)
                await stream.eof()

            feeding = asyncio.create_task(feed())
            found = await outputs(stream)
            feeding.cancel()
        assert stream.status is not None
        return found[STDOUT], found[STDERR], stream.status


async def outputs(stream: ExecStream, until: bytes | None = None) -> dict[int, bytes]:
    found = {STDOUT: b"", STDERR: b""}
    async with asyncio.timeout(60):
        async for kind, data in stream.pieces():
            found[kind] += data
            if until is not None and until in found[STDOUT]:
                break
    return found


@pytest.fixture
async def job(site: Site, worker: Worker) -> AsyncIterator[Running]:
    uid = await site.pod()
    sent = site.sent_plan(uid)
    container = shell("c", LIVES, env=[{"name": "GIVEN", "value": "a b\n"}])
    plan = planned(pod(container, terminationGracePeriodSeconds=1))
    containers = [each._replace(stdin=True, tty=True) for each in decoded(plan)]
    started = worker.start(changed(plan, uid=uid, channel=sent.channel, containers=containers))
    try:
        await site.sidecar.wait_for(uid, "running")
        async with InterlinkClient(f"unix://{site.folder}/s.sock") as client:
            yield Running(client, uid)
    finally:
        await asyncio.to_thread(started.terminate)
        await asyncio.to_thread(started.process.wait, 60)


def decoded(plan: Plan) -> list[Any]:
    """The containers as the job's plan has them."""
    return job_plan.decode(plan.files[0].content).containers


async def test_a_command_runs_where_the_container_is(job: Running) -> None:
    out, err, status = await job.run("sh", "-c", 'pwd; echo "$GIVEN"; id -u; cat /proc/1/cmdline; echo no >&2; exit 7')
    assert out.decode().startswith("/srv/work\na b\n\n1000\n/bin/sh\x00-c\x00")
    assert (err, status["details"]["causes"][0]["message"]) == (b"no\n", "7")


async def test_five_megabytes_go_in_and_come_back(job: Running) -> None:
    data = os.urandom(5 << 20)
    out, _, status = await job.run("cat", stdin=data)
    assert (out == data, status["status"]) == (True, "Success")


async def test_a_command_that_is_not_there(job: Running) -> None:
    _, _, status = await job.run("nope")
    assert status["message"] == 'exec: "nope": executable file not found in $PATH'


async def test_a_terminal_knows_its_size_and_what_control_c_means(job: Running) -> None:
    async with job.client.exec(
        job.request("sh", "-c", "readlink /proc/self/fd/0; sleep 1000", Stdin=True, TTY=True)
    ) as one:
        await one.resize(TerminalSize(132, 43))
        assert b"/dev/pts/0\r\n" in (await outputs(one, until=b"/dev/pts/0\r\n"))[STDOUT]
        await one.write(b"\x03")
        await outputs(one)
    assert one.status is not None
    assert one.status["details"]["causes"][0]["message"] == "130"


async def test_an_attachment_is_to_the_first_process_and_its_terminal(job: Running) -> None:
    async with job.client.exec(job.request(Attach=True, Stdin=True, TTY=True)) as stream:
        await stream.write(b"word\n")
        await outputs(stream, until=b"got word\r\n")
    _, _, status = await job.run("sh", "-c", "echo x > /dev/tty")
    assert status["status"] == "Failure", "the terminal is the first process's, not every command's"
    out, _, _ = await job.run("cat", "/proc/1/stat")
    session, terminal = out.rpartition(b")")[2].split()[3:5]
    assert (session, terminal != b"0") == (b"1", True)
