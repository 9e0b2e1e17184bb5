"""Only a pod's own job is heard, and what it says can harm nothing but itself."""

import asyncio
import json
import ssl
import uuid
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from condor_sidecar.app.channel import connection
from condor_sidecar.core.ticket import ticket
from condor_sidecar.job.supervisor.channel_protocol import LOG, REFUSAL, SUBPROTOCOL, encode, pack, signature

from tests.fakes.plugin_client import pod, until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_commands_and_updates import MOUNTED, config, update

Socket = aiohttp.ClientWebSocketResponse


async def dial(site: Site, session: aiohttp.ClientSession, shown: str) -> Socket:
    context = ssl.create_default_context(cafile=str(site.sidecar.settings.channel.authorities))  # type: ignore[union-attr]
    url = f"https://localhost:{site.cutter.port}/job-channel"
    headers = {"Authorization": f"Bearer {shown}"}
    return await session.ws_connect(url, headers=headers, protocols=(SUBPROTOCOL,), ssl=context)


async def greeted(site: Site, session: aiohttp.ClientSession, uid: str) -> Socket:
    access = site.sent_plan(uid).channel
    assert access is not None
    socket = await dial(site, session, access.ticket)
    await socket.send_str(encode("hello", version=1, uid=uid))
    assert json.loads(await socket.receive_str(timeout=5)) == {"type": "welcome"}
    return socket


async def test_without_the_ticket_of_a_pod_nobody_gets_in(site: Site) -> None:
    uid, other = await site.pod(), str(uuid.uuid4())
    secret = (site.folder / "data" / "channel.secret").read_bytes()
    good = ticket(secret, uid)
    table = {
        "": 401,
        "nonsense": 401,
        good[:-1]: 401,
        good.replace(uid, other): 401,
        ticket(b"x" * 32, uid): 401,
        ticket(secret, other): 404,
    }
    async with aiohttp.ClientSession() as session:
        for shown, status in table.items():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await dial(site, session, shown)
            assert refused.value.status == status, shown
        await (await greeted(site, session, uid)).close()


async def test_a_newer_connection_of_a_pod_replaces_the_older(site: Site) -> None:
    uid = await site.pod()
    async with aiohttp.ClientSession() as session:
        older = await greeted(site, session, uid)
        newer = await greeted(site, session, uid)
        ended = await older.receive(timeout=5)
        assert ended.type is aiohttp.WSMsgType.CLOSE and ended.data == 4000
        await newer.close()


async def test_one_pod_can_t_take_the_places_of_others(site: Site) -> None:
    uid = await site.pod()
    access = site.sent_plan(uid).channel
    assert access is not None
    async with aiohttp.ClientSession() as session:
        mute = [await dial(site, session, access.ticket) for _ in range(2)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial(site, session, access.ticket)
        assert refused.value.status == 503 and refused.value.headers is not None
        assert refused.value.headers[REFUSAL] == "2 connections of this pod are under way already"
        for socket in mute:
            await socket.close()
        async with asyncio.timeout(10):
            while (last := await tried(site, session, uid)) is None:
                await asyncio.sleep(0.02)
        await last.close()


async def tried(site: Site, session: aiohttp.ClientSession, uid: str) -> Socket | None:
    try:
        return await greeted(site, session, uid)
    except aiohttp.WSServerHandshakeError:
        return None


async def test_who_says_nothing_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HELLO_SECONDS", 0.1)
    uid = await site.pod()
    access = site.sent_plan(uid).channel
    assert access is not None
    async with aiohttp.ClientSession() as session:
        mute = await dial(site, session, access.ticket)
        assert (await mute.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSED
        talks = await greeted(site, session, uid)
        await asyncio.sleep(0.2)
        assert not talks.closed, "later it may be silent for longer"
        await talks.close()


async def test_a_late_answer_is_not_taken_for_that_of_a_later_update(site: Site) -> None:
    wanted = pod(volumes=[{"name": "v", "configMap": {"name": "web"}}], containers=MOUNTED)
    uid = str(wanted["metadata"]["uid"])
    assert (await site.sidecar.create(wanted, configMaps=[config("old")]))[0] == 200
    await site.sidecar.submitted(uid)
    site.schedd.run(uid)
    await site.sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    numbers: list[int] = []
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            socket = await greeted(site, session, uid)
            asked = asyncio.create_task(update(site, wanted, "new"))
            numbers.append(json.loads(await socket.receive_str(timeout=10))["number"])
            if len(numbers) == 1:
                await socket.close()
                assert (await asked)[0] == 503
        await socket.send_str(encode("updated", number=numbers[0], problem="of the update before"))
        await socket.send_str(encode("updated", number=numbers[1], problem=""))
        assert await asked == (200, {"PodUID": uid, "message": "updated"})
        await socket.close()


def usage(time: float, cpu: float, memory: int) -> str:
    return encode("usage", time=time, containers=[{"name": "c", "cpu_seconds": cpu, "memory_bytes": memory}])


RECORD = '{"version":1,"phase":"running","revision":1,"containers":[]}'
HOSTILE: dict[str, Callable[[Socket], Awaitable[None]]] = {
    "no JSON": lambda s: s.send_str("{"),
    "no object": lambda s: s.send_str("[1]"),
    "half a head": lambda s: s.send_bytes(b"\0"),
    "a forged record": lambda s: s.send_str(encode("state", record=RECORD, signature="0" * 64)),
    "usage without numbers": lambda s: s.send_str(encode("usage", time="now", containers=[])),
    "usage beyond all bounds": lambda s: s.send_str(usage(1.0, 1e300, 1)),
    "usage of more memory than there is": lambda s: s.send_str(usage(1.0, 1.0, 1 << 80)),
    "usage of no day": lambda s: s.send_str(usage(1e300, 1.0, 1)),
    "negative credit": lambda s: s.send_str(encode("credit", stream=1, bytes=-1)),
    "more than a message may have": lambda s: s.send_str(encode("usage", time=1, containers=["x" * (5 << 20)])),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_no_message_ends_its_connection_and_nothing_else(site: Site, what: str) -> None:
    uid, quiet = await site.pod(), await site.pod()
    async with aiohttp.ClientSession() as session:
        bystander = await greeted(site, session, quiet)
        hostile = await greeted(site, session, uid)
        await HOSTILE[what](hostile)
        async with asyncio.timeout(10):
            while (await hostile.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
        assert not bystander.closed
        assert (await site.sidecar.call("GET", "/stats?node=vk-test"))[0] == 200
        await bystander.close()


async def test_data_of_streams_that_nobody_opened_is_dropped(site: Site) -> None:
    uid = await site.pod()
    async with aiohttp.ClientSession() as session:
        socket = await greeted(site, session, uid)
        for number in range(100):
            await socket.send_bytes(pack(LOG, number, b"x" * 1000))
        access = site.sent_plan(uid).channel
        assert access is not None
        record = json.dumps({**json.loads(RECORD), "containers": [
            {"name": "c", "kind": "main", "state": "running", "started": "2026-01-01T00:00:00Z"}
        ]})  # fmt: skip
        await socket.send_str(encode("state", record=record, signature=signature(access.ticket, record)))
        await site.sidecar.wait_for(uid, "running")
        await socket.close()
        await until(lambda: site.cutter.connections == 0, "the connection is gone")
