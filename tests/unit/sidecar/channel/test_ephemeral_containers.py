"""Containers that are added to pods while they run (`kubectl debug`): from an update to a process in the job, and to the status."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from condor_sidecar.job.supervisor import plan
from interlink.protocol.client import InterlinkClient
from interlink.protocol.exec import STDOUT, ExecRequest

from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.plugin_client import pod
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import gate
from tests.unit.sidecar.supervisor.jobs import Job, init, shell

Json = dict[str, Any]


def debugger(name: str, script: str, **fields: Any) -> Json:
    return {"name": name, "image": "tools:1", "command": ["/bin/sh", "-c", script], **fields}


class Debugged:
    """A running pod to which containers are added."""

    def __init__(self, site: Site, wanted: Json) -> None:
        self.site, self.wanted = site, wanted
        self.uid = str(wanted["metadata"]["uid"])

    async def start(self, *containers: plan.Container, **fields: Any) -> Job:
        assert (await self.site.sidecar.create(self.wanted))[0] == 200
        await self.site.sidecar.submitted(self.uid)
        self.site.schedd.run(self.uid)
        return self.site.job(self.uid, *(containers or (shell("c", gate(self.site.folder, "end")),)), **fields).start()

    async def add(self, *containers: Json, **more: Any) -> tuple[int, Any]:
        self.wanted["spec"].setdefault("ephemeralContainers", []).extend(containers)
        return await self.update(**more)

    async def update(self, **more: Any) -> tuple[int, Any]:
        message = {"pod": self.wanted, "container": [], "jobConfig": {}, **more}
        return await self.site.sidecar.call("POST", "/update", message)

    async def status(self) -> Json:
        """As told; empty right after a restart."""
        found: list[Json] = (await self.site.sidecar.call("GET", "/status", [self.wanted]))[1]
        return found[0] if found else {}

    async def shows(self, name: str, expected: Callable[[Json], object]) -> Json:
        """Wait until the container's status is as expected."""
        found: list[Json] = []
        try:
            async with asyncio.timeout(30):
                while True:
                    found = (await self.status()).get("ephemeralContainers") or []
                    for each in found:
                        if each["name"] == name and expected(each):
                            return each
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{name} is not as expected in {found}") from None

    async def wrote(self, name: str, text: str) -> None:
        """Wait until this is its log."""
        async with asyncio.timeout(20):
            while await self.site.sidecar.logs(self.uid, name) != text:
                await asyncio.sleep(0.02)

    async def ended_well(self) -> None:
        assert (await self.site.sidecar.wait_for(self.uid, "terminated"))["exitCode"] == 0

    async def running(self, name: str) -> Json:
        return await self.shows(name, lambda each: "running" in each["state"])


@pytest.fixture
async def debugged(site: Site) -> Debugged:
    """Where images lie unpacked in a folder of the test's own."""
    (site.folder / "images" / "tools:1").mkdir(parents=True)
    await site.sidecar.stop()
    await remade(site)
    return Debugged(site, pod())


async def remade(site: Site) -> None:
    """The sidecar, started anew."""
    await site.make(images={"unpacked_roots": [str(site.folder / "images")]}).start()


async def taken(debugged: Debugged, *containers: Json) -> None:
    """Add them as soon as the job is there to take them."""
    answer = await debugged.add(*containers)
    async with asyncio.timeout(20):
        while answer[0] == 503:
            await asyncio.sleep(0.05)
            answer = await debugged.update()
    assert answer[0] == 200, answer


async def test_it_runs_is_shown_and_has_a_log(site: Site, debugged: Debugged) -> None:
    await debugged.start()
    await taken(debugged, debugger("d", f"echo polo; {gate(site.folder, 'done')}; exit 3"))
    shown = await debugged.running("d")
    assert (shown["ready"], shown["restartCount"], shown["image"]) == (False, 0, "tools:1")
    await debugged.wrote("d", "polo\n")
    (site.folder / "done").touch()
    ended = await debugged.shows("d", lambda each: "terminated" in each["state"])
    assert ended["state"]["terminated"]["exitCode"] == 3
    status = await debugged.status()
    assert "running" in status["containers"][0]["state"], "its end is nothing to the pod"
    (site.folder / "end").touch()
    await debugged.ended_well()
    assert await site.sidecar.logs(debugged.uid, "d") == "polo\n", "brought with the others'"


async def test_commands_run_in_it_and_who_attaches_talks_to_it(site: Site, debugged: Debugged) -> None:
    await debugged.start()
    echoes = "while read word; do echo got $word; done; sleep 1000"
    await taken(debugged, debugger("d", echoes, env=[{"name": "WHO", "value": "ana"}], stdin=True, tty=True))
    await debugged.running("d")
    async with InterlinkClient(f"unix://{site.sidecar.socket}") as client, asyncio.timeout(30):
        command = ExecRequest("ns", debugged.uid, "pod", "d", ["/bin/sh", "-c", "echo $WHO"])
        async with client.exec(command) as stream:
            assert [data async for kind, data in stream.pieces() if kind == STDOUT] == [b"ana\n"]
        attached = ExecRequest("ns", debugged.uid, "pod", "d", [], Attach=True, Stdin=True, TTY=True)
        async with client.exec(attached) as stream:
            await stream.write(b"word\n")
            seen = b""
            async for _, data in stream.pieces():
                seen += data
                if b"got word" in seen:
                    break


async def test_it_ends_with_the_pod(site: Site, debugged: Debugged) -> None:
    await debugged.start()
    await taken(debugged, debugger("d", "trap 'echo told; exit 9' TERM; echo up; while :; do sleep 0.05; done"))
    await debugged.wrote("d", "up\n")
    (site.folder / "end").touch()
    await debugged.ended_well()
    ended = await debugged.shows("d", lambda each: "terminated" in each["state"])
    assert ended["state"]["terminated"]["exitCode"] == 9
    assert await site.sidecar.logs(debugged.uid, "d") == "up\ntold\n"
    assert "reason" not in await debugged.status(), "how it ended is nothing to the pod"


async def test_nothing_is_started_twice_however_often_it_is_sent(site: Site, debugged: Debugged, tmp_path: Any) -> None:
    job = await debugged.start()
    first = debugger("d", f"echo run >> {tmp_path}/runs; {gate(site.folder, 'end')}")
    await taken(debugged, first)
    await debugged.running("d")
    assert (await debugged.update())[0] == 200
    await site.sidecar.crash()
    await remade(site)
    await debugged.running("d")
    await taken(debugged, debugger("e", f"echo run >> {tmp_path}/runs; exit 0"))
    await debugged.shows("e", lambda each: "terminated" in each["state"])
    assert (tmp_path / "runs").read_text() == "run\nrun\n"
    assert [call["argv"][0] for call in job.calls()].count("exec") == 3
    (site.folder / "end").touch()
    await debugged.ended_well()


async def test_a_sidecar_that_lost_its_journal_learns_of_them_when_they_are_sent_again(
    site: Site, debugged: Debugged, tmp_path: Any
) -> None:
    await debugged.start()
    await taken(debugged, debugger("d", f"echo run >> {tmp_path}/runs; {gate(site.folder, 'end')}"))
    await debugged.running("d")
    await site.sidecar.stop()
    (site.folder / "data" / "journal.sqlite").unlink()
    await remade(site)
    await site.sidecar.wait_for(debugged.uid, "running")
    assert "ephemeralContainers" not in await debugged.status()
    await taken(debugged)
    await debugged.running("d")
    assert (tmp_path / "runs").read_text() == "run\n"
    (site.folder / "end").touch()


async def test_it_has_volumes_that_nobody_else_mounts(site: Site, debugged: Debugged) -> None:
    debugged.wanted["spec"]["volumes"] = [
        {"name": "web", "configMap": {"name": "web"}},
        {"name": "small", "emptyDir": {"sizeLimit": "1Mi"}},
    ]
    job = await debugged.start(shell("c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"))
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("web", "small")]
    volumes = job.scratch / "pod/volumes"
    script = f"cat {volumes}/web/key; {gate(site.folder, 'fill')}; head -c 3000000 /dev/zero > {volumes}/small/big; sleep 1000"
    config = {"metadata": {"name": "web"}, "data": {"key": "old\n"}}
    content = {"container": [{"name": "d", "configMaps": [config]}]}
    answer = await debugged.add(debugger("d", script, volumeMounts=mounts), **content)
    async with asyncio.timeout(20):
        while answer[0] == 503:
            await asyncio.sleep(0.05)
            answer = await debugged.update(**content)
    assert answer[0] == 200, answer
    await debugged.wrote("d", "old\n")
    (call,) = [call for call in job.calls() if "/web" in call["mounts"]]
    assert call["mounts"]["/web"] == {"source": str(volumes / "web"), "ro": True}
    config["data"]["key"] = "new\n"
    assert (await debugged.update(**content))[0] == 200
    assert (volumes / "web/key").read_text() == "new\n", "it changes as others do"
    (site.folder / "fill").touch()
    await site.sidecar.wait_for(debugged.uid, "terminated")
    status = await debugged.status()
    assert status["reason"] == "Evicted", "the limit of its size holds"
    assert status["message"] == 'Usage of EmptyDir volume "small" exceeds the limit "1Mi".'


async def test_one_that_may_not_be_started_says_why_and_the_others_start(site: Site, debugged: Debugged) -> None:
    await debugged.start()
    privileged = debugger("bad", "true", securityContext={"privileged": True})
    await taken(debugged, privileged, debugger("good", gate(site.folder, "end")))
    waiting = (await debugged.shows("bad", lambda each: "waiting" in each["state"]))["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert waiting["message"].startswith("privileged containers can't run in a job")
    await debugged.running("good")
    failed = [each for each in (await debugged.status())["events"] if each["reason"] == "Failed"]
    assert [each["message"] for each in failed] == ["ephemeral container bad is not started: " + waiting["message"]]
    (site.folder / "end").touch()
    await debugged.ended_well()
    assert "waiting" in (await debugged.shows("bad", lambda _: True))["state"]


async def test_it_is_started_while_init_containers_hang(site: Site, debugged: Debugged) -> None:
    debugged.wanted["spec"]["initContainers"] = [{"name": "i", "image": "busybox:1", "command": ["true"]}]
    hanging = init("i", "/bin/sh", "-c", gate(site.folder, "go"))
    await debugged.start(hanging, shell("c", "exit 0"))
    await taken(debugged, debugger("d", gate(site.folder, "go")))
    await debugged.running("d")
    status = await debugged.status()
    assert "waiting" in status["containers"][0]["state"]
    (site.folder / "go").touch()
    await debugged.ended_well()


async def test_before_its_job_runs_it_is_put_off(site: Site, debugged: Debugged, schedd: FakeSchedd) -> None:
    assert (await site.sidecar.create(debugged.wanted))[0] == 200
    await site.sidecar.submitted(debugged.uid)
    code, words = await debugged.add(debugger("d", gate(site.folder, "end")))
    assert code == 503 and "has not started" in str(words)
    assert "ephemeralContainers" not in await debugged.status(), "nothing is said of what nobody has"
    schedd.run(debugged.uid)
    site.job(debugged.uid, shell("c", gate(site.folder, "end"))).start()
    await taken(debugged)
    await debugged.running("d")
    (site.folder / "end").touch()
