"""Pods in a real pool: what they print, how they end, what they see."""

import asyncio
import base64
from pathlib import Path
from typing import Any

from tests.condor.conftest import CondorSidecar, shell, with_containers
from tests.fakes.plugin_client import log_request, until

HOSTILE = [
    "",
    " ",
    "a b",
    "it's",
    'say "hi"',
    "$(id)",
    "$HOME",
    "`id`",
    "$$(X)",
    "a;b|c&d",
    "line\nfeed",
    "tab\t",
    "-c",
    "--",
    "naïve ☃",
    "\\n",
    "%s",
    "*",
]


async def run(sidecar: CondorSidecar, wanted: dict[str, Any], **delivered: Any) -> dict[str, dict[str, Any]]:
    """Run a pod to its end and give each container's terminated state."""
    code, reply = await sidecar.create(wanted, **delivered)
    assert code == 200, reply
    uid = wanted["metadata"]["uid"]
    for container in (*wanted["spec"].get("initContainers", ()), *wanted["spec"]["containers"]):
        await sidecar.wait_for(uid, "terminated", container["name"])
    return {name: state["terminated"] for name, state in (await sidecar.states(uid)).items()}


async def test_hello(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("echo hello; id -u"))
    uid = wanted["metadata"]["uid"]
    ends = await run(sidecar, wanted)
    assert ends["c"]["exitCode"] == 0
    assert (await sidecar.logs(uid)).splitlines()[0] == "hello"
    await until(lambda: not sidecar.jobs(uid), "the job leaves the queue", 60)


async def test_exit_code(sidecar: CondorSidecar) -> None:
    ends = await run(sidecar, with_containers(shell("echo no >&2; exit 42")))
    assert ends["c"]["exitCode"] == 42


async def test_three_containers_of_which_one_fails(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("echo a", "a"), shell("echo b; exit 3", "b"), shell("echo c", "c"))
    uid = wanted["metadata"]["uid"]
    ends = await run(sidecar, wanted)
    assert {name: end["exitCode"] for name, end in ends.items()} == {"a": 0, "b": 3, "c": 0}
    assert [await sidecar.logs(uid, name) for name in "abc"] == ["a\n", "b\n", "c\n"]


async def test_a_failing_init_container_ends_everything(sidecar: CondorSidecar) -> None:
    wanted = with_containers(
        shell("echo never"),
        initContainers=[shell("echo one", "one"), shell("exit 7", "two"), shell("echo never", "three")],
    )
    uid = wanted["metadata"]["uid"]
    ends = await run(sidecar, wanted)
    assert {name: end["exitCode"] for name, end in ends.items()} == {"one": 0, "two": 7, "three": 1, "c": 1}
    assert "init container two" in ends["c"]["message"]
    assert await sidecar.logs(uid, "one") == "one\n"
    assert await sidecar.logs(uid, "c") == ""


async def test_hostile_arguments_and_environment_arrive_byte_for_byte(sidecar: CondorSidecar) -> None:
    container = shell("")
    container["command"] = ["sh", "-c", 'for a in "$@"; do printf "%s\\0" "$a"; done; printf "%s\\0" "$VALUE"', "sh"]
    container["args"] = [text for text in HOSTILE if text != "$$(X)"]
    container["env"] = [{"name": "VALUE", "value": "\n".join(HOSTILE)}]
    wanted = with_containers(container)
    assert (await run(sidecar, wanted))["c"]["exitCode"] == 0
    expected = "\0".join([*container["args"], "\n".join(HOSTILE)]) + "\0"
    assert await sidecar.logs(wanted["metadata"]["uid"]) == expected


async def test_config_map_secret_and_shared_folder(sidecar: CondorSidecar) -> None:
    mounts = [{"name": n, "mountPath": f"/{n}"} for n in ("config", "secret", "shared")]
    wanted = with_containers(
        shell("cat /config/key /secret/token; echo from-a > /shared/file", "a", volumeMounts=mounts),
        shell("while [ ! -e /shared/file ]; do sleep 0.1; done; cat /shared/file", "b", volumeMounts=mounts),
        volumes=[
            {"name": "config", "configMap": {"name": "cm"}},
            {"name": "secret", "secret": {"secretName": "s"}},
            {"name": "shared", "emptyDir": {}},
        ],
    )
    uid = wanted["metadata"]["uid"]
    config_map = {"metadata": {"name": "cm"}, "data": {"key": "config\n"}}
    secret = {"metadata": {"name": "s"}, "data": {"token": base64.b64encode(b"S3CRET\n").decode()}}
    await run(sidecar, wanted, configMaps=[config_map], secrets=[secret])
    assert await sidecar.logs(uid, "a") == "config\nS3CRET\n"
    assert await sidecar.logs(uid, "b") == "from-a\n"
    assert "S3CRET" not in sidecar.log()
    # nothing that was the pod's secret stays here, but what the pod itself printed
    await until(lambda: not _holding(sidecar.folder / "data", b"S3CRET"), "the secret is gone from the disk")


def _holding(folder: Path, text: bytes) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]
    return [path for path in files if text in path.read_bytes()]


async def test_logs_of_a_running_pod_can_be_followed(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("for i in 1 2 3 4 5 6; do echo line $i; sleep 4; done"))
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "running")
    async with sidecar.request("GET", "/getLogs", log_request(uid, Follow=True)) as response:
        first = await response.content.readline()
        assert first == b"line 1\n"
        assert "running" in (await sidecar.states(uid))["c"]
        rest = await response.content.read()
    assert rest == b"".join(b"line %d\n" % i for i in range(2, 7))
    assert await sidecar.logs(uid, Tail=2) == "line 5\nline 6\n"


async def test_deleting_a_running_pod_removes_the_job(sidecar: CondorSidecar) -> None:
    wanted = with_containers(shell("sleep 1000"), terminationGracePeriodSeconds=2)
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.wait_for(uid, "running")
    assert (await sidecar.call("POST", "/delete", wanted))[0] == 200
    await until(lambda: not sidecar.jobs(uid), "the job is removed", 60)
    async with asyncio.timeout(60):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.1)


async def test_an_image_that_is_not_there(sidecar: CondorSidecar) -> None:
    container = shell("true")
    container["image"] = "no-such-image:1"
    ends = await run(sidecar, with_containers(container))
    assert ends["c"]["exitCode"] != 0
    assert "no-such-image" in ends["c"]["message"]
