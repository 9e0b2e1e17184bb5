"""Relays that go and come back, tickets that are replaced, and neighbours who need no relay."""

import asyncio
import time
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import Security
from distributed.comm import Comm, CommClosedError, get_address_host_port, listen
from highrate.relay.connector import RelayConnector
from prometheus_client import REGISTRY
from relay.app import Relay
from service_runtime.listen import Listen, serve_app

from tests.fakes.relay_member import Member, eventually, member
from tests.unit.relay_comm.conftest import Comms
from tests.unit.relay_comm.test_comms import SECONDS, echo


def listeners() -> float:
    return REGISTRY.get_sample_value("relay_listeners") or 0.0


def streams() -> float:
    return REGISTRY.get_sample_value("relay_streams") or 0.0


async def ask(comm: Comm) -> None:
    await comm.write("there?")
    assert await asyncio.wait_for(comm.read(), SECONDS) == "there?"


async def test_a_listener_comes_back_to_a_relay_that_was_replaced(
    tmp_path: Path, comms: Comms, quick: dict[str, Any]
) -> None:
    async with member(tmp_path, tls=False) as first:
        dask.config.set({**quick, **first.dask()})
        listener = await comms.listen(echo)
        await ask(await comms.connect(listener.contact_address))
    assert first.relay is not None
    again = Relay(first.relay.settings)
    port = int(first.url.rsplit(":", 1)[1])
    connecting = asyncio.create_task(comms.connect(listener.contact_address))  # while nobody is there
    async with serve_app(again.app, Listen.parse(f"http://127.0.0.1:{port}"), drain_seconds=0.1):
        await ask(await connecting)
        listener.stop()


async def test_a_control_connection_that_breaks_costs_no_comm(plain_relay: Member, comms: Comms) -> None:
    async with comms.listen(echo) as listener:
        comm = await comms.connect(listener.contact_address)
        listener._control._socket.protocol.stream.socket.shutdown(2)
        await eventually(lambda: listeners() == 0, "the relay has seen it")
        await ask(comm)
        other = await comms.connect(listener.contact_address)  # waits in its place
        await ask(other)
        for made in (comm, other):
            await made.close()


async def test_an_id_that_another_process_takes_is_not_fought_for(plain_relay: Member, comms: Comms) -> None:
    async with comms.listen(echo, "relay://w1") as first, comms.listen(echo, "relay://w1") as second:
        task = first._control._task
        await asyncio.wait_for(asyncio.wait({task}), SECONDS)
        assert task.done(), "the first one has given up"
        await ask(await comms.connect(second.contact_address))


async def test_a_ticket_that_is_replaced_in_time_keeps_the_listener(plain_relay: Member, comms: Comms) -> None:
    plain_relay.ticket_file("listen").write_text(plain_relay.ticket("listen", exp=int(time.time()) + 2))
    async with comms.listen(echo) as listener:
        plain_relay.ticket_file("listen").write_text(plain_relay.ticket("listen"))
        first = listener._control._socket
        await eventually(lambda: listener._control._socket not in (None, first), "it has come back")
        await ask(await comms.connect(listener.contact_address))


async def test_a_stream_that_is_cut_in_the_middle_of_a_message(plain_relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        reading = asyncio.create_task(answered.read())
        await asyncio.sleep(0)
        dialled.stream.socket.shutdown(2)  # type: ignore[attr-defined]
        with pytest.raises(CommClosedError):
            await asyncio.wait_for(reading, SECONDS)
        with pytest.raises(CommClosedError):
            await asyncio.wait_for(dialled.read(), SECONDS)


async def test_neighbours_speak_directly(plain_relay: Member, comms: Comms) -> None:
    near = {"highrate.relay.network": "site-a", "highrate.relay.direct-host": "127.0.0.1"}
    with dask.config.set(near):
        async with comms.listen(echo) as listener:
            assert "@site-a/127.0.0.1:" in listener.contact_address
            assert get_address_host_port(listener.contact_address) == listener.get_host_port()
            comm = await comms.connect(listener.contact_address)
            assert streams() == 0, "no stream through the relay"
            assert comm.peer_address == listener.contact_address
            await ask(comm)
            with dask.config.set({"highrate.relay.network": "site-b"}):
                far = await comms.connect(listener.contact_address)
            assert streams() == 1
            await ask(far)
            for made in (comm, far):
                await made.close()


async def test_the_host_is_the_one_by_which_the_relay_is_reached(
    plain_relay: Member, comms: Comms, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dask.config.set({"highrate.relay.network": "site-a"}):
        async with comms.listen(echo) as listener:
            assert "@site-a/127.0.0.1:" in listener.contact_address, "where the relay is on this machine, too"
        # a site that has no way to anywhere but the relay, and a name of its own that means only itself
        monkeypatch.setattr("highrate.relay.listener.socket.gethostbyname", lambda _: "192.0.2.1")
        async with comms.listen(echo) as listener:
            assert "@" not in listener.contact_address, "another machine's 127.0.0.1 is somebody else"


async def test_a_direct_address_that_does_not_answer_is_passed_over(plain_relay: Member, comms: Comms) -> None:
    async with comms.listen(echo) as listener:
        address = f"{listener.contact_address}@site-a/127.0.0.1:9"
        with dask.config.set({"highrate.relay.network": "site-a"}):
            comm = await comms.connect(address)
            await ask(comm)
            assert streams() == 1
            assert len(RelayConnector._avoided) == 1, "and not tried again for a while"
            await comm.close()


async def test_whoever_answers_directly_has_to_be_of_the_cluster(plain_relay: Member, comms: Comms) -> None:
    """Two sites may have the same private addresses."""
    stranger = Security.temporary()
    async with (
        listen("tls://127.0.0.1:0", echo, **stranger.get_listen_args("worker")) as other,
        comms.listen(echo) as listener,
    ):
        address = f"{listener.contact_address}@site-a/{other.contact_address.removeprefix('tls://')}"
        with dask.config.set({"highrate.relay.network": "site-a"}):
            comm = await comms.connect(address)
        await ask(comm)
        assert streams() == 1
        await comm.close()


@pytest.fixture(autouse=True)
def forget() -> None:
    RelayConnector._avoided.clear()
