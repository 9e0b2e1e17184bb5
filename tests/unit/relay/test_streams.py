"""What a dialler sends reaches the listener, and the other way round, as it was sent."""

import asyncio
import gc
import hashlib
import os

import aiohttp
import pytest
from relay.io.end import BUFFER_BYTES, EARLY_BYTES, End

from tests.fakes.relay_member import eventually
from tests.unit.relay.conftest import SECONDS, Hands, StartHands, metric

MIB = 1024 * 1024


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_bytes_go_through_in_both_directions(start_hands: StartHands, tls: bool) -> None:
    async with start_hands(tls=tls) as hands, hands.listening() as control:
        dialled, accepted = await hands.stream(control)
        for sender, receiver in ((dialled, accepted), (accepted, dialled)):
            data = os.urandom(3 * MIB)
            sending = asyncio.create_task(sender.send(data))
            assert hashlib.sha256(await receiver.read(len(data))).digest() == hashlib.sha256(data).digest()
            await sending


async def test_what_a_listener_says_at_once_is_not_lost(hands: Hands) -> None:
    async with hands.listening() as control:
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        accepted = await hands.get(f"/v1/accept/{await hands.told(control)}", hands.member.ticket("listen"))
        await accepted.send(b"first words")
        assert await (await dial).read(11) == b"first words"


async def test_an_end_that_closes_ends_the_other_after_all_it_sent(hands: Hands) -> None:
    async with hands.listening() as control:
        for closing in (0, 1):
            ends = await hands.stream(control)
            data = os.urandom(MIB)
            await ends[closing].send(data)
            ends[closing].writer.close()
            assert await ends[1 - closing].rest() == data
    await eventually(lambda: metric("relay_streams") == 0, "no stream is counted")


async def test_a_connection_that_is_cut_ends_the_other(hands: Hands) -> None:
    async with hands.listening() as control:
        dialled, accepted = await hands.stream(control)
        await dialled.send(b"half a mess")
        dialled.writer.transport.abort()
        assert await accepted.rest() in (b"half a mess", b"")


async def test_a_slow_reader_stops_its_writer_and_nobody_else(start_hands: StartHands) -> None:
    async with start_hands(tls=False) as hands, hands.listening() as control:
        slow, sender = await hands.stream(control)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        held = metric("relay_held_total", why="reader")
        whole = os.urandom(MIB) * 64
        sending = asyncio.create_task(sender.send(whole))
        other, its_sender = await hands.stream(control)
        for _ in range(20):
            await its_sender.send(b"x" * MIB)
            assert await other.read(MIB) == b"x" * MIB
        assert not sending.done(), "64 MiB are more than what lies in sockets and buffers"
        passed = metric("relay_passed_bytes_total", to="dialler")
        assert passed > 0
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert hashlib.sha256(await slow.read(len(whole))).digest() == hashlib.sha256(whole).digest()
        await sending
        await eventually(lambda: metric("relay_held_total", why="reader") > held, "the source was held")


async def test_a_stalled_stream_holds_no_more_than_its_buffers(start_hands: StartHands) -> None:
    async with start_hands(tls=False) as hands, hands.listening() as control:
        slow, sender = await hands.stream(control)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        sending = asyncio.create_task(sender.send(b"x" * 64 * MIB))
        before = -1.0
        while (now := metric("relay_passed_bytes_total", to="dialler")) != before:
            before = now
            await asyncio.sleep(0.2)
        ends = [found for found in gc.get_objects() if isinstance(found, End)]
        waiting = [end._transport.get_write_buffer_size() for end in ends if not end._transport.is_closing()]
        assert max(waiting) <= 2 * BUFFER_BYTES, "one reading above the mark at most"
        sending.cancel()


async def test_no_stream_starves_the_others(start_hands: StartHands) -> None:
    """Eight that never pause, and one that asks and answers."""
    async with start_hands(tls=False) as hands, hands.listening() as control:
        loud = [await hands.stream(control) for _ in range(8)]
        dialled, accepted = await hands.stream(control)

        async def flood(ends: tuple[object, object]) -> None:
            source, sink = ends

            async def pour() -> None:
                while True:
                    await source.send(b"x" * MIB)  # type: ignore[attr-defined]

            pouring = asyncio.create_task(pour())
            try:
                while True:
                    await sink.read(MIB)  # type: ignore[attr-defined]
            finally:
                pouring.cancel()

        floods = [asyncio.create_task(flood(ends)) for ends in loud]
        try:
            for _ in range(50):
                await dialled.send(b"ask")
                assert await accepted.read(3) == b"ask"
                await accepted.send(b"answer")
                assert await dialled.read(6) == b"answer"
        finally:
            for task in floods:
                task.cancel()


async def test_who_talks_before_the_answer_is_cut_off(hands: Hands) -> None:
    async with hands.listening() as control:
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        await hands.told(control)
        await eventually(lambda: len(hands.opened) == 1, "it has dialled")
        hands.opened[0].write(b"x" * (EARLY_BYTES + 4 * MIB))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(dial, SECONDS)


async def test_a_path_that_the_ingress_leaves_or_takes_away(start_hands: StartHands) -> None:
    async with start_hands(path="/relay/0") as hands:
        assert hands.member.url.endswith("/relay/0")
        async with hands.listening() as control:  # the path is in the address
            dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
            token = await hands.told(control)
            accepted = await hands.get(f"/relay/0/v1/accept/{token}", hands.member.ticket("listen"))
            assert ((await dial).status, accepted.status) == (101, 101)


async def test_a_listener_that_talks_is_sent_away(hands: Hands) -> None:
    async with hands.listening() as control:
        await control.send_str("hello")
        message = await control.receive(timeout=SECONDS)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
