"""What Dask expects of a comm, by the checklist of distributed's own tests of its comms."""

import asyncio
from typing import Any

import dask.config
import pytest
from distributed import Security
from distributed.comm import Comm, CommClosedError, parse_address
from distributed.comm.core import FatalCommClosedError
from distributed.comm.registry import get_backend
from distributed.protocol import Serialized, serialize, to_serialize
from highrate.relay import ticket
from highrate.relay.connector import RelayConnector
from highrate.relay.options import DIAL_TICKET, options
from highrate.relay.upgrade import open_stream

from tests.fakes.relay_member import Member
from tests.unit.relay_comm.conftest import Comms

SECONDS = 20
MIB = 1024 * 1024


async def echo(comm: Comm) -> None:
    """Answer every message with itself, until the other end has enough."""
    try:
        while True:
            await comm.write(await comm.read())
    except CommClosedError:
        pass


async def test_messages_go_both_ways_in_order(relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        for number in range(50):
            await dialled.write({"op": "ask", "number": number, "data": to_serialize(b"x" * number)})
        for number in range(50):
            message = await answered.read()
            assert (message["number"], message["data"]) == (number, b"x" * number)
        await answered.write("answer")
        assert await dialled.read() == "answer"


@pytest.mark.parametrize("count", [1, 70_000, 8 * MIB, 40 * MIB])
async def test_large_messages(relay: Member, comms: Comms, count: int) -> None:
    async with comms.pair() as (dialled, answered):
        data = bytes(range(256)) * (count // 256 + 1)
        for one, other in ((dialled, answered), (answered, dialled)):
            writing = asyncio.create_task(one.write({"data": [to_serialize(data), to_serialize(data[:100])]}))
            message = await asyncio.wait_for(other.read(), SECONDS)
            assert [bytes(part) for part in message["data"]] == [data, data[:100]]
            await writing


async def test_both_ends_write_large_messages_at_once(relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        data = b"x" * 20 * MIB
        writing = [asyncio.create_task(end.write(to_serialize(data))) for end in (dialled, answered)]
        read = await asyncio.wait_for(asyncio.gather(dialled.read(), answered.read()), SECONDS)
        assert [len(part) for part in read] == [len(data)] * 2
        await asyncio.gather(*writing)


@pytest.mark.parametrize("deserialize", [True, False])
async def test_what_is_not_to_be_deserialized_is_not(plain_relay: Member, comms: Comms, deserialize: bool) -> None:
    async with comms.pair(deserialize=deserialize) as (dialled, answered):
        await dialled.write({"x": to_serialize(123), "y": Serialized(*serialize(456))})
        message = await answered.read()
        if deserialize:
            assert message == {"x": 123, "y": 456}
        else:
            assert all(type(value).__name__ in ("Serialized", "ToPickle", "Serialize") for value in message.values())


async def test_the_listener_closes(relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        reading = asyncio.create_task(dialled.read())
        await answered.close()
        with pytest.raises(CommClosedError):
            await asyncio.wait_for(reading, SECONDS)
        assert dialled.closed()
        assert answered.closed()
        for end in (dialled, answered):
            with pytest.raises(CommClosedError):
                await end.read()
            with pytest.raises(CommClosedError):
                await end.write("late")


async def test_the_dialler_closes_after_its_last_words(relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        await dialled.write(to_serialize(b"x" * 5 * MIB))
        reading = asyncio.create_task(answered.read())
        await dialled.close()
        assert len(await asyncio.wait_for(reading, SECONDS)) == 5 * MIB
        with pytest.raises(CommClosedError):
            await asyncio.wait_for(answered.read(), SECONDS)


@pytest.mark.parametrize("aborting", [0, 1], ids=["dialler", "listener"])
async def test_an_abort_is_seen_by_both(relay: Member, comms: Comms, aborting: int) -> None:
    async with comms.pair() as ends:
        readings = [asyncio.create_task(end.read()) for end in ends]
        await asyncio.sleep(0)
        ends[aborting].abort()
        ends[aborting].abort()  # twice does no harm
        for reading in readings:
            with pytest.raises(CommClosedError):
                await asyncio.wait_for(reading, SECONDS)
        assert all(end.closed() for end in ends)


async def test_a_read_that_is_cancelled_closes_the_comm(plain_relay: Member, comms: Comms) -> None:
    """Nobody knows how much of the message was taken already."""
    async with comms.pair() as (dialled, answered):
        reading = asyncio.create_task(dialled.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert dialled.closed()
        with pytest.raises(CommClosedError):
            await asyncio.wait_for(answered.read(), SECONDS)


async def test_a_message_that_can_t_be_written_leaves_the_comm_open(plain_relay: Member, comms: Comms) -> None:
    class Stubborn:
        def __reduce__(self) -> Any:
            raise ValueError("not me")

    async with comms.pair() as (dialled, answered):
        with pytest.raises(TypeError):
            await dialled.write(to_serialize(Stubborn()), on_error="raise")
        await dialled.write("after all")
        assert await answered.read() == "after all"


async def test_addresses_and_what_is_known_of_the_peer(relay: Member, comms: Comms) -> None:
    async with comms.pair() as (dialled, answered):
        assert dialled.peer_address == answered.local_address
        assert answered.peer_address.startswith("relay://call-")
        assert dialled.local_address.startswith("relay://dialler-")
        assert not dialled.same_host
        for end in (dialled, answered):
            assert end.extra_info["peercert"]["subject"], "the other end's certificate, not the relay's"
            assert end.extra_info["cipher"]
            assert end.remote_info["address"] == end.peer_address
            assert "relay://" in repr(end)


async def test_a_listener_has_its_addresses(relay: Member, comms: Comms) -> None:
    async with comms.listen(echo) as listener:
        assert listener.prefix == "relay://"
        scheme, location = parse_address(listener.contact_address)
        assert scheme == "relay"
        assert listener.listen_address == listener.contact_address
        assert listener.get_host_port() == (get_backend("relay").get_address_host(location), 0)
    stopped = comms.listen(echo)
    with pytest.raises(ValueError, match="has not started"):
        _ = stopped.contact_address


@pytest.mark.parametrize("address", ["relay://", "relay://:0", "relay://10.1.2.3:8786", "relay://0.0.0.0"])
async def test_ids_of_chance_differ(plain_relay: Member, comms: Comms, address: str) -> None:
    async with comms.listen(echo, address) as one, comms.listen(echo, address) as other:
        assert one.contact_address != other.contact_address


async def test_an_id_that_is_known_before(plain_relay: Member, comms: Comms) -> None:
    with dask.config.set({"highrate.relay.listen-id": "scheduler"}):
        async with comms.listen(echo, "relay://:0") as listener:
            assert listener.contact_address == "relay://scheduler"
    async with comms.listen(echo, "relay://chosen") as listener:
        assert listener.contact_address == "relay://chosen"


async def test_many_connect_at_once(relay: Member, comms: Comms) -> None:
    async with comms.listen(echo) as listener:

        async def ask(number: int) -> None:
            comm = await comms.connect(listener.contact_address)
            await comm.write(number)
            assert await asyncio.wait_for(comm.read(), SECONDS) == number
            await comm.close()

        await asyncio.gather(*(ask(number) for number in range(40)))


async def test_a_stopped_listener_takes_no_calls_and_keeps_its_comms(relay: Member, comms: Comms) -> None:
    listener = await comms.listen(echo)
    address = listener.contact_address
    comm = await comms.connect(address)
    listener.stop()
    await comm.write("still")
    assert await comm.read() == "still"
    with pytest.raises(OSError, match="Timed out"):
        await comms.connect(address, timeout=0.5)
    await comm.close()


async def test_nobody_there(plain_relay: Member, comms: Comms) -> None:
    """Dask tries again until its own time is over."""
    with pytest.raises(CommClosedError, match='Nobody listens as "nobody"') as refused:
        await RelayConnector().connect("nobody", **comms.connecting)
    assert not isinstance(refused.value, FatalCommClosedError)
    with pytest.raises(OSError, match="Timed out"):
        await comms.connect("relay://nobody", timeout=0.5)


async def test_one_who_does_not_shake_hands_holds_nobody_up(plain_relay: Member, comms: Comms) -> None:
    """A dialler that says nothing after the relay's answer; it is aborted with the listener."""
    async with comms.listen(echo) as listener:
        shown = ticket.read(options().dial_ticket_file, DIAL_TICKET)
        silent = await open_stream(shown, f"/v1/dial/{listener.contact_address.removeprefix('relay://')}", None)
        comm = await comms.connect(listener.contact_address)
        await comm.write("hello")
        assert await comm.read() == "hello"
        await comm.close()
    with pytest.raises(Exception, match="closed"):
        await asyncio.wait_for(silent.read_bytes(1), SECONDS)


@pytest.mark.parametrize("side", ["listen", "connect"])
async def test_without_tls_it_is_refused_in_a_sentence(plain_relay: Member, comms: Comms, side: str) -> None:
    bare = Security().get_connection_args("worker")
    with pytest.raises(TypeError, match="needs Dask's TLS"):
        if side == "listen":
            comms.listen(echo, ssl_context=bare.get("ssl_context"))
        else:
            await comms.connect("relay://w1", ssl_context=bare.get("ssl_context"))


async def test_another_cluster_s_certificate_is_refused_by_both(relay: Member, comms: Comms) -> None:
    """As whoever has a ticket, and nothing else of the cluster's."""
    stranger = Comms(Security.temporary())
    async with comms.listen(echo) as listener:
        with pytest.raises(OSError, match=r"certificate of this cluster|no TLS with|Timed out"):
            await stranger.connect(listener.contact_address, timeout=2)
        comm = await comms.connect(listener.contact_address)
        await comm.write("ours")
        assert await comm.read() == "ours"
        await comm.close()


async def test_a_ticket_that_is_refused_is_told_at_once(plain_relay: Member, comms: Comms) -> None:
    async with comms.listen(echo) as listener:
        plain_relay.ticket_file("dial").write_text(plain_relay.ticket("listen"))
        with pytest.raises(CommClosedError, match='this call needs one for "dial"'):
            await comms.connect(listener.contact_address)
        plain_relay.ticket_file("dial").write_text(plain_relay.ticket("dial"))
        await (await comms.connect(listener.contact_address)).close()  # the file is read again
    plain_relay.ticket_file("listen").write_text(plain_relay.ticket("dial"))
    with pytest.raises(OSError, match='this call needs one for "listen"'):
        await comms.listen(echo)
    with dask.config.set({"highrate.relay.listen-ticket-file": None}):
        with pytest.raises(OSError, match="listen-ticket-file is not set"):
            await comms.listen(echo)
