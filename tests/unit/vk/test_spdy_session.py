"""One SPDY connection at the kubelet port, against a client of frames: what is slow, broken or too much."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from virtual_kubelet.io.spdy.frames import PIECE, Data, Frame, FrameReader, FrameWriter, Ping, Reset
from virtual_kubelet.io.spdy.session import MOST_STREAMS, UNREAD, Session, Stream
from yarl import URL

from tests.fakes.served import served

UPGRADE = b"POST / HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"


class Client:
    """Both ends of a connection: frames at the client's, the session at the server's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.frames = FrameWriter()
        self.session: Session
        self._reader, self._writer = reader, writer
        self._parser = FrameReader()
        self._waiting: list[Frame] = []

    def send(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def sent(self) -> None:
        await self._writer.drain()

    async def read(self) -> Frame | None:
        """The next frame that says something; None at the end of the connection."""
        while not self._waiting:
            data = await self._reader.read(65536)
            if not data:
                return None
            self._waiting += self._parser.feed(data)
        return self._waiting.pop(0)

    async def opened(self, number: int, name: str = "stdin") -> Stream:
        self.send(self.frames.opened(number, {"streamtype": name}))
        return await self.session.accept()

    def hang_up(self) -> None:
        self._writer.transport.abort()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made: asyncio.Queue[Session] = asyncio.Queue()

    async def handle(request: web.Request) -> web.StreamResponse:
        session = Session(request)
        response = await session.answer({})
        made.put_nowait(session)
        await session.closed.wait()
        return response

    app = web.Application()
    app.router.add_post("/", handle)
    async with served(app) as url, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        found = Client(reader, writer)
        found.session = await made.get()
        yield found
        found.hang_up()
        await found.session.closed.wait()


async def test_a_stream_that_nobody_reads_stops_the_connection_until_somebody_does(client: Client) -> None:
    stream = await client.opened(1)
    count = 4 * UNREAD // PIECE
    client.send(*(client.frames.data(1, bytes(PIECE)) for _ in range(count)), client.frames.data(1, b"", finished=True))
    while not client.session._paused:
        await asyncio.sleep(0.01)
    assert UNREAD < client.session._unread < 2 * UNREAD
    size = 0
    while (data := await stream.read()) is not None:
        size += len(data)
    assert size == count * PIECE
    assert (client.session._paused, client.session._unread) == (False, 0)


async def test_a_stream_that_the_client_resets_ends_and_is_no_burden(client: Client) -> None:
    stream, other = await client.opened(1), await client.opened(3)
    client.send(client.frames.data(1, bytes(PIECE)), client.frames.reset(1, 5), client.frames.data(3, b"heard"))
    assert await other.read() == b"heard"
    assert stream.reset and await stream.read() is None, "what was unread is dropped"
    client.send(client.frames.data(1, b"late"), client.frames.data(3, b"again"))
    assert await other.read() == b"again"
    assert client.session._unread == 0


async def test_one_stream_too_many_is_refused_and_the_others_stay(client: Client) -> None:
    streams = [await client.opened(number) for number in range(1, 2 * MOST_STREAMS, 2)]
    number = 2 * MOST_STREAMS + 1
    client.send(client.frames.opened(number, {}), client.frames.data(1, b"still here"))
    while not isinstance(frame := await client.read(), Reset):
        assert frame is not None
    assert frame == Reset(number)
    assert await streams[0].read() == b"still here"


@pytest.mark.parametrize("odd", [0, 1, 2], ids=["no SPDY/3", "opened twice", "a server's number"])
async def test_a_client_that_breaks_the_rules_is_cut_off(client: Client, odd: int) -> None:
    stream = await client.opened(1)
    client.send(client.frames.opened(odd, {}) if odd else b"\x80\x02\x00\x01" + bytes(8))
    assert await stream.read() is None
    await client.session.closed.wait()
    with pytest.raises(ConnectionError):
        await stream.write(b"nobody is there")


async def test_a_client_that_opens_no_more_goes_on_with_what_is_open(client: Client) -> None:
    stream = await client.opened(1)
    client.send(client.frames.go_away(1), client.frames.data(1, b"ask"))
    assert await stream.read() == b"ask"
    await stream.write(b"answer")
    await stream.finish()
    found = [frame async for frame in frames_of(client, 2)]
    assert found == [Data(1, b"answer", False), Data(1, b"", True)]


async def frames_of(client: Client, count: int) -> AsyncIterator[Frame]:
    """The next frames of data."""
    while count:
        frame = await client.read()
        assert frame is not None
        if isinstance(frame, Data):
            count -= 1
            yield frame


async def test_pings_of_the_client_are_sent_back_and_answers_to_ours_are_not(client: Client) -> None:
    client.send(client.frames.ping(2), client.frames.ping(7))
    assert await client.read() == Ping(7)


async def test_a_client_that_is_gone_ends_every_stream(client: Client) -> None:
    streams = [await client.opened(number) for number in (1, 3)]
    client.hang_up()
    for stream in streams:
        assert await stream.read() is None
        with pytest.raises(ConnectionError):
            await stream.write(b"x")


async def test_the_last_words_wait_for_a_client_who_reads_slowly(client: Client) -> None:
    stream = await client.opened(1)
    size = 16 << 20  # more than sockets hold
    transport = client.session._transport
    transport.set_write_buffer_limits(2 * size)
    await stream.write(bytes(size))
    closing = asyncio.create_task(client.session.close())
    while transport.get_write_buffer_size() > 0 and not transport.is_closing() and not closing.done():
        frame = await client.read()
        if isinstance(frame, Data):
            size -= len(frame.data)
    assert transport.get_write_buffer_size() == 0, "it was not closed before"
    while (frame := await client.read()) is not None:
        if isinstance(frame, Data):
            size -= len(frame.data)
    assert size == 0
    await closing


async def test_a_client_that_lets_answers_pile_up_is_cut_off(client: Client) -> None:
    ping = client.frames.ping(1)
    while not client.session.closed.is_set():
        client.send(ping * 10_000)
        await asyncio.sleep(0)
        if client.session._transport.is_closing():
            break
    await client.session.closed.wait()
