"""How soon a line that a job writes is read at `kubectl logs -f`: by the job channel, beside the schedd's way alone.

Real: kubectl, the API server, the virtual kubelet, interLink's server, the sidecar (a process of its own, with its defaults), the
job channel with TLS, and in the followed jobs the supervisor's code from the container's standard output on. Not there: containers,
the network between places, and the proxy in front of interLink's server. The schedd is a fake, which has what a job writes at once;
a real one has it within a second or so, which comes on top of the way without a channel. Pods that nobody follows have simulated
jobs, which are connected and say what a pod at rest says.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from devcluster.kubernetes import tools
from devcluster.paths import cache_root
from devcluster.steps import StepLog
from kubernetes_client.answer import ApiError

from tests.bench.channel_jobs import jobs_of
from tests.bench.figures import at_p50_and_p95, report
from tests.bench.node_pace import DEFAULTS, running
from tests.bench.sidecar_process import SidecarProcess, sidecar_process
from tests.bench.talking_jobs import TalkingJob, talking_jobs, without_channel
from tests.cluster.vk.conftest import api, plane, site, vk
from tests.cluster.vk.control_plane import ADMIN, KUBELET_CLIENT, ControlPlane
from tests.cluster.vk.rights import grant_logs
from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.contract.command_chain import interlink_server

__all__ = ["api", "plane", "site", "vk"]

FOLLOWED = 10
LINES = 40
PAUSE = (0.5, 3.5)  # seconds between two lines, at random, so that they meet fetches at any time of their period (3 s)
CONTAINER = {"name": "c", "image": "busybox:1", "command": ["true"]}


@dataclass
class Kubectl:
    """`kubectl` as an administrator uses it, in one namespace."""

    words: list[str]

    @contextlib.asynccontextmanager
    async def following(self, pod: str) -> AsyncIterator["Follower"]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self.words, "logs", "-f", pod, "-c", "c", stdout=pipe)
        try:
            assert process.stdout is not None
            yield Follower(process.stdout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@dataclass
class Follower:
    """Who reads what a `kubectl logs -f` shows."""

    shown: asyncio.StreamReader

    async def sees(self, line: str) -> float:
        """The time at which the line is shown."""
        async with asyncio.timeout(60):
            while (text := await self.shown.readline()) != f"{line}\n".encode():
                assert text, "kubectl has ended"
        return time.monotonic()


@pytest.fixture
def kubectl(plane: ControlPlane, vk: VirtualNode, tmp_path: Path) -> Kubectl:
    program = tools.ensure(cache_root(), StepLog(tmp_path / "tools.log", print))["kubectl"]
    config = plane.kubeconfig(ADMIN)
    cache = tmp_path / "kubectl-cache"
    return Kubectl([str(program), f"--kubeconfig={config}", f"--cache-dir={cache}", f"--namespace={vk.namespace}"])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 50, 500])
async def test_from_a_line_in_a_job_to_kubectl(vk: VirtualNode, kubectl: Kubectl, tmp_path: Path, count: int) -> None:
    with contextlib.suppress(ApiError):  # once per control plane
        await grant_logs(vk.api, KUBELET_CLIENT)
    async with (
        sidecar_process(tmp_path, tls=True, node=vk.name) as sidecar,
        interlink_server(f"unix://{sidecar.client.socket}") as url,
    ):
        await vk.start(InterlinkURL=url, **DEFAULTS)
        try:
            channel, polls = await _both_ways(vk, kubectl, sidecar, count)
        finally:
            await vk.stop()
    report(at_p50_and_p95(f"a line → kubectl, {count} pods", channel, "polls alone", polls), "log-lines")


async def _both_ways(
    vk: VirtualNode, kubectl: Kubectl, sidecar: SidecarProcess, count: int
) -> tuple[list[float], list[float]]:
    made = [await vk.create(f"p-{number}", [CONTAINER]) for number in range(count)]
    uids = {str(pod["metadata"]["uid"]): str(pod["metadata"]["name"]) for pod in made}
    await sidecar.run(uids)
    followed = random.sample(list(uids), min(FOLLOWED, count))
    with talking_jobs(sidecar, followed) as jobs:
        async with jobs_of(sidecar, uids.keys() - set(followed)):
            await eventually(lambda: running(vk, count), 120)
            names = {uids[uid]: job for uid, job in jobs.items()}
            channel = await _delays(kubectl, names, "told")
            await without_channel(jobs.values())
        # the same pods, whose jobs have no connection any more: only the schedd has their lines
        return channel, await _delays(kubectl, names, "fetched")


async def _delays(kubectl: Kubectl, jobs: dict[str, TalkingJob], way: str) -> list[float]:
    """Seconds from a line's writing to its being shown, for single lines in any of these pods, all of which are followed."""
    async with contextlib.AsyncExitStack() as stack:
        followers = {name: await stack.enter_async_context(kubectl.following(name)) for name in jobs}
        for name, job in jobs.items():
            job.write(f"{way} from the beginning")
            await followers[name].sees(f"{way} from the beginning")
        return [await _one(way, number, *_any(jobs, followers)) for number in range(LINES)]


def _any(jobs: dict[str, TalkingJob], followers: dict[str, Follower]) -> tuple[TalkingJob, Follower]:
    name = random.choice(list(jobs))
    return jobs[name], followers[name]


async def _one(way: str, number: int, job: TalkingJob, follower: Follower) -> float:
    await asyncio.sleep(random.uniform(*PAUSE))
    line, began = f"{way}, line {number}", time.monotonic()
    job.write(line)
    return await follower.sees(line) - began
