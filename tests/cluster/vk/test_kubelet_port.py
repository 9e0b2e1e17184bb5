"""The kubelet port: logs as kubectl asks for them through the API server, and who may ask."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
from kubernetes_client.answer import ApiError

from tests.cluster.vk.control_plane import NOBODY, VK, ControlPlane
from tests.cluster.vk.rights import grant_logs
from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.fakes.interlink_server import Fault

KUBELET_CLIENT_USER = "kube-apiserver-kubelet-client"


@contextlib.asynccontextmanager
async def caller(vk: VirtualNode, token: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{vk.port}", connector=connector, headers=headers) as session:
        yield session


@pytest.fixture
async def talking(vk: VirtualNode) -> VirtualNode:
    """A node with a running pod, and an API server that may use its kubelet port."""
    with contextlib.suppress(ApiError):  # once per control plane
        await grant_logs(vk.api, KUBELET_CLIENT_USER)
    await vk.start()
    await vk.create("talks", [{"name": "main", "image": "x"}, {"name": "quiet", "image": "x"}])
    await vk.submitted("talks")
    vk.site.logs["main"] = [b"one\n", b"two\n"]
    vk.site.running()
    await vk.until("talks", "Running")
    return vk


async def log_text(vk: VirtualNode, **query: str) -> str:
    path = f"{vk.pods}/talks/log"
    lines = [line async for line in vk.api.lines(path, 20, container="main", **query)]
    return b"\n".join(lines).decode()


async def test_kubectl_logs_through_the_api_server(talking: VirtualNode) -> None:
    assert await log_text(talking) == "one\ntwo"
    asked = talking.site.bodies["/getLogs"]
    assert asked["Namespace"] == talking.namespace and asked["PodName"] == "talks" and asked["ContainerName"] == "main"


async def test_options_reach_the_site(talking: VirtualNode) -> None:
    await log_text(talking, tailLines="5", timestamps="true", sinceSeconds="60", previous="true")
    asked = talking.site.bodies["/getLogs"]["Opts"]
    assert asked == {
        "Tail": 5,
        "Bytes": 0,
        "Timestamps": True,
        "Follow": False,
        "Previous": True,
        "SinceSeconds": 60,
        "SinceTime": "0001-01-01T00:00:00Z",
    }


async def test_a_tail_of_nothing_is_nothing(talking: VirtualNode) -> None:
    assert await log_text(talking, tailLines="0") == ""
    assert talking.site.calls["/getLogs"] == 0


async def test_a_byte_limit_cuts(talking: VirtualNode) -> None:
    assert await log_text(talking, limitBytes="4", tailLines="9") == "one"


async def test_following_streams_and_ends_with_the_log(talking: VirtualNode) -> None:
    talking.site.follow_gate = asyncio.Event()
    got: list[bytes] = []

    async def read() -> None:
        async for line in talking.api.lines(f"{talking.pods}/talks/log", 20, container="main", follow="true"):
            got.append(line)

    reading = asyncio.create_task(read())

    async def two_lines() -> bool:
        return len(got) == 2

    await eventually(two_lines)
    talking.site.follow_gate.set()
    await asyncio.wait_for(reading, 10)
    assert got == [b"one", b"two", b"last line"]


async def test_a_caller_that_leaves_frees_the_site(talking: VirtualNode) -> None:
    talking.site.follow_gate = asyncio.Event()
    stream = talking.api.lines(f"{talking.pods}/talks/log", 20, container="main", follow="true")
    assert await anext(stream) == b"one"
    await stream.aclose()
    await asyncio.wait_for(talking.site.logs_cancelled.wait(), 10)


async def test_errors_are_told(talking: VirtualNode) -> None:
    talking.site.faults["/getLogs"] = Fault(500, "the log is on another machine")
    with pytest.raises(ApiError, match="the log is on another machine"):
        await log_text(talking)


async def test_a_container_that_has_not_begun_has_no_log(talking: VirtualNode) -> None:
    await talking.create("young")
    await talking.submitted("young")
    with pytest.raises(ApiError, match="waiting to start"):
        [line async for line in talking.api.lines(f"{talking.pods}/young/log", 20)]


async def test_since_a_time(talking: VirtualNode) -> None:
    await log_text(talking, sinceTime="2026-01-01T12:00:00Z")
    asked = talking.site.bodies["/getLogs"]["Opts"]
    assert (asked["SinceTime"], asked["SinceSeconds"]) == ("2026-01-01T12:00:00Z", 0)


async def test_the_log_of_an_init_container(talking: VirtualNode) -> None:
    made = await talking.create("begins", initContainers=[{"name": "first", "image": "x"}])
    await talking.submitted("begins")
    talking.site.logs["first"] = [b"made ready\n"]
    talking.site.running(made["metadata"]["uid"])
    await talking.until("begins", "Running")
    path = f"{talking.pods}/begins/log"
    assert [line async for line in talking.api.lines(path, 20, container="first")] == [b"made ready"]
    assert talking.site.bodies["/getLogs"]["ContainerName"] == "first"


async def test_the_log_of_a_pod_that_has_ended(talking: VirtualNode) -> None:
    talking.site.ended(code=1)
    await talking.until("talks", "Failed")
    assert await log_text(talking) == "one\ntwo"


async def test_who_is_nobody_gets_nothing(talking: VirtualNode, plane: ControlPlane) -> None:
    for token, expected in ((None, 401), ("made-up", 401), (plane.tokens[NOBODY], 403), (plane.tokens[VK], 403)):
        async with caller(talking, token) as session:
            for path in ("/pods", "/runningpods/", f"/containerLogs/{talking.namespace}/talks/main", "/healthz"):
                async with session.get(path) as response:
                    assert response.status == expected, (path, token)
    assert talking.site.calls["/getLogs"] == 0


async def test_pods_are_shown_without_resolved_secrets(talking: VirtualNode, plane: ControlPlane) -> None:
    async with caller(talking, plane.tokens["admin"]) as session:
        async with session.get("/runningpods/") as response:
            (running,) = (await response.json())["items"]
        async with session.get("/pods") as response:
            (pod,) = (await response.json())["items"]
        assert running["metadata"]["name"] == pod["metadata"]["name"] == "talks"
        assert "env" not in running["spec"]["containers"][0]


async def test_exec_is_refused_in_a_sentence(talking: VirtualNode, plane: ControlPlane) -> None:
    async with caller(talking, plane.tokens["admin"]) as session:
        for path in ("exec", "attach", "portForward"):
            async with session.post(f"/{path}/{talking.namespace}/talks/main") as response:
                assert response.status == 501
                assert "not possible on this node" in await response.text()
