"""What our client sends to an API server of interLink 0.6, and how it reads every kind of answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import InterlinkError, LostTrack, NotNow, Rejected
from interlink.protocol.types import CreateRequest, LogOptions, LogRequest
from service_runtime.http_client import Deadlines
from service_runtime.listen import Listen, serve_app

from tests.contract.messages import OTHER_UID, UID, pod, status


@dataclass
class Server:
    """Records requests; answers with `reply` as the Go server does: no Content-Type."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    reply: Callable[[], web.Response] = lambda: web.Response(body=b"[]")
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        response = self.reply()
        response.headers.pop("Content-Type", None)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    fake = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    async with serve_app(app, Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        fake.url = f"http://{bound[0]}:{bound[1]}"
        yield fake


def answer(body: object, code: int = 200, headers: dict[str, str] | None = None) -> Callable[[], web.Response]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda: web.Response(status=code, body=text, headers=headers)


REQUEST = CreateRequest(pod=pod())
LOGS = LogRequest("default", UID, "hello", "c", LogOptions(Tail=3))


async def test_each_call_has_the_method_path_and_body_of_the_go_virtual_kubelet(server: Server) -> None:
    async with InterlinkClient(server.url, token=lambda: "abc") as client:
        server.reply = answer({"PodUID": UID, "PodJID": "7"})
        await client.create(REQUEST)
        await client.delete(pod())
        server.reply = answer([status()])
        await client.status([pod()])
        async with client.logs(LOGS) as chunks:
            assert b"".join([c async for c in chunks])
        server.reply = answer({"status": "ok"})
        await client.ping()
    sent = [(method, path, json.loads(body) if body else None) for method, path, _, body in server.requests]
    assert [s[:2] for s in sent] == [
        ("POST", "/create"),
        ("DELETE", "/delete"),
        ("GET", "/status"),
        ("GET", "/getLogs"),
        ("POST", "/pinglink"),
    ]
    assert sent[0][2] == {
        "pod": pod(),
        "configmaps": None,
        "secrets": None,
        "projectedvolumesmaps": None,
        "jobscriptURL": "",
    }
    assert sent[1][2] == pod()
    assert sent[2][2] == [pod()]
    assert sent[3][2] == {
        "Namespace": "default",
        "PodUID": UID,
        "PodName": "hello",
        "ContainerName": "c",
        "Opts": {
            "Tail": 3,
            "Bytes": 0,
            "Timestamps": False,
            "Follow": False,
            "Previous": False,
            "SinceSeconds": 0,
            "SinceTime": "0001-01-01T00:00:00Z",
        },
    }
    assert sent[4][2] is None
    operations = [headers["InterLink-Http-Session"].partition("#")[0] for _, _, headers, _ in server.requests]
    assert operations == ["CreatePod", "DeletePod", "GetStatus", "GetLogs", "PingInterLink"]
    assert {headers["Authorization"] for _, _, headers, _ in server.requests} == {"Bearer abc"}
    assert all("Content-Length" in headers for _, _, headers, _ in server.requests)
    kinds = [headers.get("Content-Type") for _, _, headers, _ in server.requests]
    assert kinds == ["application/json"] * 4 + [None]


async def test_an_empty_token_sends_no_header(server: Server) -> None:
    async with InterlinkClient(server.url, token=lambda: "") as client:
        await client.ping()
    assert "Authorization" not in server.requests[0][2]


async def test_a_replaced_token_is_used_at_the_next_call(server: Server) -> None:
    tokens = iter(["one", "two"])
    async with InterlinkClient(server.url, token=lambda: next(tokens)) as client:
        await client.ping()
        await client.ping()
    assert [headers["Authorization"] for _, _, headers, _ in server.requests] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("body", [b"null", b"[]"])
async def test_nothing_known_is_an_empty_list(server: Server, body: bytes) -> None:
    server.reply = answer(body)
    async with InterlinkClient(server.url) as client:
        assert await client.status([pod()]) == []
        assert await client.status([]) == []
    assert len(server.requests) == 1


async def test_statuses_are_read_in_any_spelling_of_keys_and_with_unknown_ones(server: Server) -> None:
    server.reply = answer([{"uid": OTHER_UID, "Name": "hello", "CONTAINERS": [], "jid": "9", "more": {"x": 1}}])
    async with InterlinkClient(server.url) as client:
        (found,) = await client.status([pod(OTHER_UID)])
    assert (found.UID, found.name, found.JID, found.containers) == (OTHER_UID, "hello", "9", [])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Rejected),
        (413, Rejected),
        (422, Rejected),
        (401, NotNow),
        (403, NotNow),
        (404, NotNow),
        (408, NotNow),
        (429, NotNow),
        (503, NotNow),
        (500, LostTrack),
        (502, LostTrack),
        (504, LostTrack),
        (301, LostTrack),
    ],
)
async def test_each_status_is_one_of_the_three_errors(server: Server, code: int, kind: type[InterlinkError]) -> None:
    server.reply = answer(b"reason one\nreason two\n", code)
    async with InterlinkClient(server.url) as client:
        with pytest.raises(kind) as caught:
            await client.create(REQUEST)
    assert (caught.value.http_status, caught.value.reason) == (code, "reason one\nreason two")


async def test_too_large_for_a_proxy_without_words_is_told_in_some(server: Server) -> None:
    server.reply = answer(b"", 413)
    async with InterlinkClient(server.url) as client:
        with pytest.raises(Rejected, match="larger than what is let through"):
            await client.create(REQUEST)


async def test_the_waiting_time_of_not_now_is_kept(server: Server) -> None:
    server.reply = answer(b"full", 503, {"Retry-After": "12"})
    async with InterlinkClient(server.url) as client:
        with pytest.raises(NotNow) as caught:
            await client.create(REQUEST)
    assert caught.value.retry_after == 12


async def test_nobody_listening_is_not_now() -> None:
    async with InterlinkClient("http://127.0.0.1:1") as client:
        with pytest.raises(NotNow, match="no connection"):
            await client.ping()


async def test_silence_and_a_cut_connection_are_lost_track() -> None:
    given_up = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await given_up.wait()
        writer.close()

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    for handler in (silent, cut):
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, InterlinkClient(f"http://127.0.0.1:{port}", deadlines=Deadlines(1, 0.2, 0.4)) as client:
            with pytest.raises(LostTrack):
                await client.create(REQUEST)
            given_up.set()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"PodUID": 3}'])
async def test_a_reply_without_sense_is_lost_track(server: Server, body: bytes) -> None:
    server.reply = answer(body)
    async with InterlinkClient(server.url) as client:
        with pytest.raises(LostTrack):
            await client.create(REQUEST)


async def test_an_unreadable_token_file_is_told(server: Server) -> None:
    def unreadable() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    async with InterlinkClient(server.url, token=unreadable) as client:
        with pytest.raises(NotNow, match="token file"):
            await client.ping()


async def test_a_ping_of_free_text_is_up_without_resources(server: Server) -> None:
    server.reply = answer(b"healthy")
    async with InterlinkClient(server.url) as client:
        ping = await client.ping()
    assert (ping.reply, ping.text, ping.features) == (None, "healthy", frozenset())


async def test_a_ping_with_resources_and_features(server: Server) -> None:
    body = {"status": "ok", "resources": {"cpu": "8", "accelerators": None}, "taints": [{"key": "k"}]}
    server.reply = answer(body, headers={"InterLink-Features": "list,status-batch"})
    async with InterlinkClient(server.url) as client:
        ping = await client.ping()
    assert ping.features == {"list", "status-batch"}
    assert ping.reply is not None
    assert ping.reply.resources is not None
    assert (ping.reply.resources.cpu, ping.reply.resources.memory) == ("8", None)
    assert ping.reply.taints is not None
    assert ping.reply.taints[0].effect == "NoSchedule"


async def test_deleting_an_unknown_pod_is_done(server: Server) -> None:
    server.reply = answer(b"", 404)
    async with InterlinkClient(server.url) as client:
        await client.delete(pod())


async def test_a_404_from_something_in_between_is_no_delete(server: Server) -> None:
    server.reply = answer(b"default backend - 404", 404)
    async with InterlinkClient(server.url) as client:
        with pytest.raises(NotNow):
            await client.delete(pod(), absent_is_done=False)
