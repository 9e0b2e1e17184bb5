"""`kubectl debug` at its far end: containers that the sidecar adds to a pod whose job runs in real Apptainer.

The sidecar, its job channel and the job are real; the schedd alone is a fake, so that no pool is needed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.model.result import ContainerState
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import STDOUT, ExecRequest

from tests.condor.apptainer_jobs import IMAGES, ApptainerJob, Worker, container, ends, pod, shell, text, working
from tests.fakes.certificates import Authority
from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.cutter import Cutter
from tests.fakes.relay_member import free_port
from tests.unit.sidecar.channel.conftest import Site

Json = dict[str, Any]
SECONDS = 60.0
LIVES = "trap 'exit 0' TERM; echo up; while [ ! -e /v/end ]; do sleep 0.1; done"
VOLUMES = [
    {"name": "v", "emptyDir": {}},
    {"name": "more", "emptyDir": {}},
    {"name": "web", "configMap": {"name": "web"}},
]
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


class Debugged:
    """A pod whose job runs, and to which containers are added."""

    def __init__(self, site: Site, worker: Worker) -> None:
        self.site, self.worker = site, worker
        self.wanted = pod(shell("a", LIVES, **MOUNT), volumes=VOLUMES)
        self.uid = str(self.wanted["metadata"]["uid"])

    async def start(self) -> ApptainerJob:
        assert (await self.site.sidecar.create(self.wanted))[0] == 200
        await self.site.sidecar.submitted(self.uid)
        self.site.schedd.run(self.uid)
        (queued,) = self.site.schedd.of(self.uid)
        job = self.worker.start_payload(self.uid, queued.payload, ["a", "d", "e"])
        await self.site.sidecar.wait_for(self.uid, "running")
        return job

    async def add(self, *containers: Json) -> None:
        self.wanted["spec"].setdefault("ephemeralContainers", []).extend(containers)
        config = {"metadata": {"name": "web"}, "data": {"key": "of the map\n"}}
        delivered = [{"name": each["name"], "configMaps": [config]} for each in containers]
        answer = await self.site.sidecar.call("POST", "/update", {"pod": self.wanted, "container": delivered})
        assert answer[0] == 200, answer

    async def shows(self, name: str, expected: Callable[[Json], object]) -> Json:
        """Wait until the container's status is as expected."""
        found: Any = None
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    (status,) = (await self.site.sidecar.call("GET", "/status", [self.wanted]))[1]
                    found = [each for each in status.get("ephemeralContainers") or [] if each["name"] == name]
                    if found and expected(found[0]):
                        return dict(found[0])
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{name} is not as expected: {found}") from None

    async def command(self, name: str, script: str) -> str:
        """What a command in the container writes."""
        written = b""
        async with InterlinkClient(f"unix://{self.site.sidecar.socket}") as client, asyncio.timeout(SECONDS):
            request = ExecRequest("default", self.uid, "hello", name, ["/bin/sh", "-c", script])
            async with client.exec(request) as stream:
                async for kind, data in stream.pieces():
                    written += data if kind == STDOUT else b""
        return written.decode()


@pytest.fixture
async def debugged(tmp_path: Path, worker: Worker) -> AsyncIterator[Debugged]:
    async with AsyncExitStack() as stack:
        authority = Authority.create(tmp_path)
        schedd = await stack.enter_async_context(FakeSchedd(tmp_path))
        cutter = await stack.enter_async_context(Cutter(free_port()))
        site = Site(tmp_path, schedd, cutter, authority.server(tmp_path), authority.file)
        await site.make(images={"unpacked_roots": [IMAGES], "docker_fallback": False}).start()
        stack.push_async_callback(site.sidecar.stop)
        yield Debugged(site, worker)


async def test_a_debugger_in_a_running_pod_and_its_end_with_it(debugged: Debugged) -> None:
    job = await debugged.start()
    tools = shell(
        "d",
        "trap 'echo told; exit 9' TERM; echo \"$WHO $(id -u) $(pwd) $(cat /web/key)\"; touch /v/seen /mine; echo polo; "
        "while :; do sleep 0.1; done",
        env=[{"name": "WHO", "value": "ana"}],
        workingDir="/srv/there",
        securityContext={"runAsUser": 4321},
        volumeMounts=[{"name": name, "mountPath": f"/{name}"} for name in ("v", "more", "web")],
        stdin=True,
    )
    await debugged.add(tools)
    shown = await debugged.shows("d", lambda each: "running" in each["state"])
    assert (shown["ready"], shown["restartCount"], shown["imageID"]) == (False, 0, f"{IMAGES}/tools:1")
    assert await debugged.command("d", "until [ -e /mine ]; do sleep 0.1; done; echo $WHO; id -u") == "ana\n4321\n"
    assert await debugged.command("a", "[ -e /v/seen ] && [ ! -e /mine ] && echo shared; ls -d /more 2>&1 || true") == (
        "shared\n"
    )
    assert await debugged.command("d", "cat /proc/1/cmdline | head -c 7"), "it has its own processes"
    assert await debugged.site.sidecar.logs(debugged.uid, "d") == "ana 4321 /srv/there of the map\npolo\n"
    await debugged.command("a", "touch /v/end")
    result = await asyncio.to_thread(job.end)
    assert (ends(result)["a"].exit_code, ends(result)["d"].exit_code, result.reason) == (0, 9, "")
    assert text(result, "d").endswith("polo\ntold\n")
    assert ends(result)["d"].state is ContainerState.TERMINATED


async def test_who_attaches_talks_to_its_terminal(debugged: Debugged) -> None:
    job = await debugged.start()
    await debugged.add(container("d", "/bin/sh", stdin=True, tty=True))
    await debugged.shows("d", lambda each: "running" in each["state"])
    async with InterlinkClient(f"unix://{debugged.site.sidecar.socket}") as client, asyncio.timeout(SECONDS):
        asked = ExecRequest("default", debugged.uid, "hello", "d", [], Attach=True, Stdin=True, TTY=True)
        async with client.exec(asked) as stream:
            await stream.write(b"test -t 0 && echo is-a-$((40 + 2))\nexit 5\n")
            seen = b"".join([data async for _, data in stream.pieces()])
    assert b"is-a-42" in seen
    ended = await debugged.shows("d", lambda each: "terminated" in each["state"])
    assert ended["state"]["terminated"]["exitCode"] == 5
    job.terminate()
    await asyncio.to_thread(job.end)


async def test_what_can_t_be_started_is_told_and_the_pod_goes_on(debugged: Debugged) -> None:
    job = await debugged.start()
    missing = container("d", "true") | {"image": "nowhere:1"}
    await debugged.add(missing, container("e", "/bin/there-is-no-such"))
    await debugged.shows("d", lambda each: (each["state"].get("waiting") or {}).get("reason") == "ErrImagePull")
    ended = await debugged.shows("e", lambda each: "terminated" in each["state"])
    state = ended["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert "no such file or directory" in state["message"]
    await debugged.command("a", "touch /v/end")
    assert ends(await asyncio.to_thread(job.end))["a"].exit_code == 0
