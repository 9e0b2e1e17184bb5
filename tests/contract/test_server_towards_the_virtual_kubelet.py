"""What a virtual kubelet of interLink 0.6 sees of our API server, and that no body can end the process."""

import asyncio
import json
from pathlib import Path

import pytest
from service_runtime.http_client import HttpClient

from tests.contract.conftest import Chain
from tests.contract.messages import CREATE, UID, log_request, pod, status


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/create", ["POST"]),
        ("/delete", ["DELETE", "POST"]),
        ("/status", ["GET", "POST"]),
        ("/getLogs", ["GET", "POST"]),
        ("/pinglink", ["POST", "GET"]),
        ("/updateCache", ["POST"]),
    ],
)
async def test_every_call_is_taken_with_the_methods_that_clients_use(
    chain: Chain, path: str, methods: list[str]
) -> None:
    bodies = {
        "/create": json.dumps(CREATE).encode(),
        "/status": json.dumps([pod()]).encode(),
        "/getLogs": log_request(),
        "/pinglink": b"",
    }
    chain.plugin.replies["/status"] = lambda body: (200, [status()] if body else {"status": "ok"}, {})
    for method in methods:
        async with chain.client.request(method, path, data=bodies.get(path, json.dumps(pod()).encode())) as response:
            assert response.status == 200, (method, path, await response.text())


async def test_unknown_paths_are_404(chain: Chain) -> None:
    async with chain.client.request("GET", "/nothing") as response:
        assert response.status == 404


async def test_a_create_with_null_lists_and_without_content_type_is_one_object(chain: Chain) -> None:
    body = {**CREATE, "configmaps": None, "secrets": None, "projectedvolumesmaps": None}
    del body["jobscriptURL"]
    async with chain.client.request(
        "POST", "/create", headers={"Content-Type": ""}, data=json.dumps(body).encode()
    ) as response:
        assert (response.status, json.loads(await response.text())) == (200, {"PodUID": "u", "PodJID": "j"})


async def test_an_end_that_was_seen_is_answered_without_the_plugin(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status(terminated={"exitCode": 3})], {})
    ended = json.dumps([pod(phase="Failed")]).encode()
    for _ in range(2):
        async with chain.client.request("GET", "/status", data=ended) as response:
            assert json.loads(await response.text())[0]["containers"][0]["state"] == {"terminated": {"exitCode": 3}}
    assert len(chain.plugin.calls) == 1
    async with chain.client.request("GET", "/status", data=json.dumps([pod(phase="Running")]).encode()):
        pass
    assert len(chain.plugin.calls) == 2, "a pod that runs must be asked for"


async def test_an_empty_list_gives_all_that_is_cached_and_asks_nobody(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status()], {})
    async with chain.client.request("GET", "/status", data=json.dumps([pod()]).encode()):
        pass
    chain.plugin.calls.clear()
    async with chain.client.request("GET", "/status", data=b"[]") as response:
        (entry,) = json.loads(await response.text())
    assert set(entry) == {"name", "UID", "namespace", "JID", "containers", "initContainers"}
    assert chain.plugin.calls == []


async def test_absence_and_errors_never_end_a_pod(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status(running={"startedAt": "2026-01-01T00:00:00Z"})], {})
    body = json.dumps([pod(phase="Running")]).encode()
    async with chain.client.request("GET", "/status", data=body):
        pass
    chain.plugin.replies["/status"] = lambda _: (200, [], {})
    async with chain.client.request("GET", "/status", data=body) as response:
        assert "running" in json.loads(await response.text())[0]["containers"][0]["state"]
    chain.plugin.replies["/status"] = lambda _: (500, "broken", {})
    async with chain.client.request("GET", "/status", data=body) as response:
        assert response.status == 500


async def test_delete_forgets_the_pod(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status()], {})
    async with chain.client.request("GET", "/status", data=json.dumps([pod()]).encode()):
        pass
    async with chain.client.request("DELETE", "/delete", data=json.dumps(pod()).encode()):
        pass
    async with chain.client.request("GET", "/status", data=b"[]") as response:
        assert await response.text() == "[]"


@pytest.mark.parametrize(
    "options",
    [{"Tail": 1, "Bytes": 1}, {"SinceSeconds": 1, "SinceTime": "2026-01-01T00:00:00Z"}, {"Tail": -1}],
)
async def test_contradicting_log_options_are_400_with_words(chain: Chain, options: dict[str, object]) -> None:
    async with chain.client.request("GET", "/getLogs", data=log_request(**options)) as response:
        assert response.status == 400
        assert "negative" in await response.text() or "exclude" in await response.text()
    assert chain.plugin.calls == []


@pytest.mark.parametrize(("key", "value"), [("Namespace", "a/b"), ("ContainerName", "../x"), ("PodUID", "UPPER")])
async def test_names_that_are_no_names_are_400(chain: Chain, key: str, value: str) -> None:
    body = {**json.loads(log_request()), key: value}
    async with chain.client.request("GET", "/getLogs", data=json.dumps(body).encode()) as response:
        assert response.status == 400
        assert value in await response.text()


async def test_a_followed_log_is_passed_on_as_it_comes_and_ends_with_the_client(chain: Chain) -> None:
    chain.plugin.log_gate = asyncio.Event()
    async with chain.client.request("GET", "/getLogs", data=log_request(Follow=True)) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.content.readline() == b"line\n"
        response.close()
    async with asyncio.timeout(5):
        await chain.plugin.log_cancelled.wait()


async def test_followed_logs_take_no_connection_from_other_calls(chain: Chain) -> None:
    chain.plugin.log_gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:

        async def follow() -> None:
            async with chain.client.request("GET", "/getLogs", data=log_request(Follow=True)) as response:
                await response.read()

        followers = [group.create_task(follow()) for _ in range(120)]
        while len(chain.plugin.calls) < 100:  # what the tests' own client can hold open
            await asyncio.sleep(0.01)
        async with HttpClient(chain.url) as other, asyncio.timeout(5):
            async with other.request("POST", "/create", data=json.dumps(CREATE).encode()) as response:
                assert response.status == 200
        chain.plugin.log_gate.set()
        await asyncio.gather(*followers)


async def test_ping_is_the_plugins_answer_word_for_word_with_the_features_we_can_pass_on(chain: Chain) -> None:
    answer = '{"status":"ok","resources":{"cpu":"128"},  "taints":[]}'
    chain.plugin.replies["/status"] = lambda _: (200, answer, {"InterLink-Features": "status-batch, exotic, list"})
    async with chain.client.request("POST", "/pinglink") as response:
        assert (response.status, await response.text()) == (200, answer)
        assert response.headers["InterLink-Features"] == "list, status-batch"
    (call,) = chain.plugin.calls
    assert (call.method, call.path, call.body) == ("GET", "/status", [])


@pytest.mark.parametrize("code", [404, 500, 503])
async def test_a_failed_ping_is_never_200(chain: Chain, code: int) -> None:
    chain.plugin.replies["/status"] = lambda _: (code, "no", {})
    async with chain.client.request("POST", "/pinglink") as response:
        assert response.status == code


@pytest.mark.parametrize("path", ["/create", "/delete", "/status", "/getLogs", "/updateCache"])
@pytest.mark.parametrize("body", [b"", b"{", b"[1,2", b"[[[[", b'"text"', b"\xff\xfe", b"17", b"[" * 100_000])
async def test_malformed_bodies_are_4xx_and_the_server_lives(chain: Chain, path: str, body: bytes) -> None:
    async with chain.client.request("POST", path, data=body) as response:
        assert 400 <= response.status < 500, await response.text()
    async with chain.client.request("POST", "/create", data=json.dumps(CREATE).encode()) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/create", "/delete", "/status", "/getLogs"])
async def test_a_truncated_body_harms_nobody_else(chain: Chain, path: str) -> None:
    host, port = chain.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    async with chain.client.request("POST", "/create", data=json.dumps(CREATE).encode()) as response:
        assert response.status == 200
    assert [call.path for call in chain.plugin.calls] == ["/create"]


@pytest.mark.parametrize("server_options", [{"BodyLimitMiB": 1}])
async def test_a_body_over_the_limit_is_413(chain: Chain) -> None:
    async with chain.client.request("POST", "/create", data=b"[" + b"1," * 1024 * 1024) as response:
        assert response.status == 413
        assert "larger than the" in await response.text()


async def test_a_plugin_that_is_away_is_not_now(chain: Chain) -> None:
    Path(chain.settings.plugin_url().removeprefix("unix://")).unlink()
    async with chain.client.request("POST", "/create", data=json.dumps(CREATE).encode()) as response:
        assert response.status == 503


async def test_builders_that_nobody_configured_are_refused(chain: Chain) -> None:
    body = {**CREATE, "jobscriptURL": "http://127.0.0.1:1/build"}
    async with chain.client.request("POST", "/create", data=json.dumps(body).encode()) as response:
        assert response.status == 422
        assert "JobScriptBuildConfig" in await response.text()
    assert chain.plugin.calls == []


async def test_a_pod_without_uid_is_refused(chain: Chain) -> None:
    async with chain.client.request("POST", "/create", data=b'{"pod": {"metadata": {"name": "x"}}}') as response:
        assert response.status == 400
    assert UID not in str(chain.plugin.calls)


@pytest.mark.parametrize("uid", ["../x", "nul\0", "", 7, None])
@pytest.mark.parametrize("path", ["/create", "/delete", "/updateCache"])
async def test_a_uid_that_kubernetes_does_not_give_never_reaches_the_plugin(
    chain: Chain, path: str, uid: object
) -> None:
    strange = {"metadata": {"name": "hello", "namespace": "default", "uid": uid}}
    body = {**CREATE, "pod": strange} if path == "/create" else strange
    async with chain.client.request("POST", path, data=json.dumps(body).encode()) as response:
        assert response.status == 400
        assert "metadata.uid" in await response.text()
    assert chain.plugin.calls == []
