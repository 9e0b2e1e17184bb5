"""A listener whose connection breaks has a minute to come back; whoever dials meanwhile waits for it."""

import asyncio
import time

import aiohttp
import pytest
from relay.io.control import Close

from tests.fakes.relay_member import eventually
from tests.unit.relay.conftest import SECONDS, Hands, StartHands, metric


async def cut(control: aiohttp.ClientWebSocketResponse) -> None:
    """Without a word, as a router does that forgets a connection."""
    assert control._response.connection is not None
    assert control._response.connection.transport is not None
    control._response.connection.transport.abort()
    await eventually(lambda: metric("relay_kept_places") == 1, "the place is kept")


async def test_a_dial_during_the_gap_waits_for_the_return(hands: Hands) -> None:
    async with hands.listening() as control:
        await cut(control)
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        await eventually(lambda: metric("relay_pending_calls") == 1, "it waits")
        async with hands.listening() as again:
            token = await hands.told(again)
            assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).status == 101
            assert (await dial).status == 101


async def test_a_call_whose_word_got_lost_is_told_again(hands: Hands) -> None:
    async with hands.listening() as control:
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        token = await hands.told(control)  # and does nothing
        await cut(control)
        async with hands.listening() as again:
            assert await hands.told(again) == token
            assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).status == 101
            assert (await dial).status == 101


async def test_streams_outlive_the_control_connection(hands: Hands) -> None:
    async with hands.listening() as control:
        dialled, accepted = await hands.stream(control)
        await cut(control)
        await dialled.send(b"all the same")
        assert await accepted.read(12) == b"all the same"


async def test_a_dial_does_not_wait_for_ever(start_hands: StartHands) -> None:
    async with start_hands(tls=False, deadlines={"answer": 0.2}) as hands, hands.listening() as control:
        late = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        token = await hands.told(control)
        assert (await late).error == (504, "not_answered")
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).error == (404, "unknown_call")
        await cut(control)
        away = await hands.get("/v1/dial/w1", hands.member.ticket("dial"))
        assert away.error == (504, "not_answered")
        assert "not connected" in away.body["message"]


async def test_nobody_who_came_back_in_time_loses_the_place_and_others_do(start_hands: StartHands) -> None:
    async with start_hands(tls=False, deadlines={"reconnect": 0.3}) as hands:
        async with hands.listening() as control:
            await cut(control)
            await eventually(lambda: metric("relay_kept_places") == 0, "the place is given up")
        assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).error == (404, "unknown_id")


async def test_who_leaves_on_purpose_is_gone_at_once(hands: Hands) -> None:
    async with hands.listening():
        pass
    await eventually(lambda: metric("relay_listeners") == 0, "it is gone")
    assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).error == (404, "unknown_id")
    assert metric("relay_kept_places") == 0


async def test_the_latest_connection_has_the_place(hands: Hands) -> None:
    """The first may be dead without the relay having noticed."""
    async with hands.listening() as first, hands.listening() as second:
        message = await first.receive(timeout=SECONDS)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, Close.REPLACED)
        await hands.stream(second)
        assert metric("relay_kept_places") == 0


async def test_a_listener_that_is_half_open_is_found_out(start_hands: StartHands) -> None:
    """It reads nothing any more, and nothing tells: only the pings that it does not answer."""
    async with start_hands(tls=False, deadlines={"ping": 0.2}) as hands, hands.listening() as control:
        assert metric("relay_listeners") == 1
        connection = control._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        await eventually(lambda: metric("relay_kept_places") == 1, "its place is kept, its connection given up")
        connection.transport.abort()
        async with hands.listening() as again:
            await hands.stream(again)


async def test_a_ticket_that_expires_ends_the_control_connection_but_not_the_place(start_hands: StartHands) -> None:
    async with start_hands(tls=False, clock_skew=5) as hands:
        short = hands.member.ticket("listen", exp=time.time() + 1)
        async with hands.listening(ticket=short) as control:
            dialled, accepted = await hands.stream(control)
            message = await control.receive(timeout=SECONDS)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, Close.EXPIRED)
            await eventually(lambda: metric("relay_kept_places") == 1, "the place is kept")
            await dialled.send(b"goes on")
            assert await accepted.read(7) == b"goes on"


async def test_a_dialler_that_leaves_is_forgotten(hands: Hands) -> None:
    async with hands.listening() as control:
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        token = await hands.told(control)
        hands.opened[-1].transport.abort()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await dial
        await eventually(lambda: metric("relay_pending_calls") == 0, "nobody waits")
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).error == (404, "unknown_call")
        await hands.stream(control)


async def test_when_it_drains_streams_go_on_and_nothing_new_begins(hands: Hands) -> None:
    assert hands.member.relay is not None
    async with hands.listening() as control:
        dialled, accepted = await hands.stream(control)
        draining = asyncio.create_task(hands.member.relay.exchange.drain(SECONDS))
        message = await control.receive(timeout=SECONDS)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, Close.RESTART)
        assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).error == (503, "draining")
        assert (await hands.get("/v1/listen/w1", hands.member.ticket("listen"))).error == (503, "draining")
        assert hands.member.relay.unready() == "draining"
        await dialled.send(b"to the end")
        assert await accepted.read(10) == b"to the end"
        assert not draining.done()
        dialled.writer.close()
        await asyncio.wait_for(draining, SECONDS)


async def test_the_time_to_drain_ends(hands: Hands) -> None:
    assert hands.member.relay is not None
    async with hands.listening() as control:
        await hands.stream(control)
        await hands.member.relay.exchange.drain(0.05)


async def test_what_a_user_may_pass_in_a_second(start_hands: StartHands) -> None:
    limits = {"user_bytes_per_second": 1_000_000}
    async with start_hands(tls=False, limits=limits) as hands, hands.listening() as control:
        dialled, accepted = await hands.stream(control)
        held = metric("relay_held_total", why="pace")
        sending = asyncio.create_task(dialled.send(b"x" * 1_500_000))
        await accepted.read(1_500_000)
        await sending
        assert metric("relay_held_total", why="pace") > held
