"""How data pass the relay best: as bytes after the upgrade, or as large WebSocket frames.

Sender and receiver do TLS with each other through what is measured, each in a process of its own. `raw` is our relay. `frames` is
the same route with the frames of aiohttp on all hops: the sender masks (RFC 6455, 5.3), the relay unmasks and masks again.

    python -m tests.bench.relay_framing [--megabytes 200] [--rounds 5]
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import resource
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from service_runtime.listen import Listen, serve_app

from tests.fakes.certificates import Authority
from tests.fakes.relay_member import Signer, content, free_port

FRAME = 1024 * 1024
CHUNK = 256 * 1024


class Inner:
    """TLS over whatever carries ciphertext."""

    def __init__(self, context: ssl.SSLContext, server_side: bool) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side)

    async def handshake(
        self, send: Callable[[bytes], Awaitable[None]], receive: Callable[[], Awaitable[bytes]]
    ) -> None:
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if self.outgoing.pending:
                    await send(self.outgoing.read())
                self.incoming.write(await receive())
        if self.outgoing.pending:
            await send(self.outgoing.read())

    def decrypted(self, data: bytes, into: bytearray) -> int:
        """How many bytes `data` held."""
        self.incoming.write(data)
        count = 0
        while True:
            try:
                count += self.tls.read(len(into), into)  # type: ignore[operator]
            except ssl.SSLWantReadError:
                return count


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The receiver's and the sender's, of a cluster's own authority."""
    authority = Authority.create(folder, "inner")
    files = authority.server(folder, "inner-server")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.cert, files.key)
    client = ssl.create_default_context(cafile=str(authority.file))
    client.check_hostname = False
    return server, client


async def frames_relay(port: int) -> None:
    """Two WebSockets, /listener and /dialler; each binary frame of one goes to the other."""
    sockets: dict[str, asyncio.Future[web.WebSocketResponse]] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=2 * FRAME)
        await socket.prepare(request)
        me, other = request.path, "/dialler" if request.path == "/listener" else "/listener"
        loop = asyncio.get_running_loop()
        for name in (me, other):
            sockets.setdefault(name, loop.create_future())
        sockets[me].set_result(socket)
        peer = await sockets[other]
        with contextlib.suppress(ConnectionError):  # the other end has all it wants
            async for message in socket:
                await peer.send_bytes(message.data)
        sockets.pop(me, None)
        return socket

    app = web.Application()
    app.router.add_get("/{side}", handler)
    async with serve_app(app, Listen.parse(f"http://127.0.0.1:{port}")):
        await asyncio.Event().wait()


async def raw_relay(port: int, folder: Path, signer: Signer) -> None:
    from relay.app import Relay
    from relay.model.settings import Settings

    relay = Relay(Settings.model_validate(content(folder, port, signer, None)))
    async with serve_app(relay.app, Listen.parse(f"http://127.0.0.1:{port}")):
        await asyncio.Event().wait()


async def frames_end(port: int, side: str, inner: Inner, total: int) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/{side}"
        async with session.ws_connect(url, compress=0, max_msg_size=2 * FRAME) as socket:
            await inner.handshake(socket.send_bytes, socket.receive_bytes)
            if side == "dialler":
                await _send(inner, total, FRAME, socket.send_bytes)
                await socket.receive_bytes()
            else:
                await _receive(inner, total, socket.receive_bytes)
                await socket.send_bytes(b"done")


async def raw_end(port: int, path: str, ticket: str, inner: Inner, total: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2 * CHUNK)
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: relay",
        f"Authorization: Bearer {ticket}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")

    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    async def receive() -> bytes:
        return await reader.read(CHUNK)

    await inner.handshake(send, receive)
    if "dial" in path:
        await _send(inner, total, CHUNK, send)
        await receive()
    else:
        await _receive(inner, total, receive)
        await send(b"done")
    writer.close()


async def _send(inner: Inner, total: int, portion: int, send: Callable[[bytes], Awaitable[None]]) -> None:
    data = memoryview(bytes(portion))
    while total > 0:
        inner.tls.write(data[: min(portion, total)])
        total -= portion
        await send(inner.outgoing.read())


async def _receive(inner: Inner, total: int, receive: Callable[[], Awaitable[bytes]]) -> None:
    into = bytearray(CHUNK)
    while total > 0:
        total -= inner.decrypted(await receive(), into)


def serve(mode: str, port: int, folder: Path, signer: Signer) -> None:
    uvloop.run(raw_relay(port, folder, signer) if mode == "raw" else frames_relay(port))


def receive_once(mode: str, port: int, folder: Path, signer: Signer, total: int, pipe: Connection) -> None:
    async def run() -> None:
        server, _ = contexts(folder)
        url = f"http://127.0.0.1:{port}"
        pipe.send((folder / "inner.pem").read_text())
        if mode == "frames":
            await frames_end(port, "listener", Inner(server, True), total)
            return
        ticket = signer.ticket(url, "listen")
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ticket}"}) as session:
            async with session.ws_connect(f"{url}/v1/listen/w1") as control:
                pipe.send("listening")
                token = (await control.receive_json())["call"]
                await raw_end(port, f"/v1/accept/{token}", ticket, Inner(server, True), total)

    uvloop.run(run())


async def send_once(mode: str, port: int, signer: Signer, total: int, authority: str) -> float:
    context = ssl.create_default_context(cadata=authority)
    context.check_hostname = False
    began = time.monotonic()
    if mode == "frames":
        await frames_end(port, "dialler", Inner(context, False), total)
    else:
        ticket = signer.ticket(f"http://127.0.0.1:{port}", "dial")
        await raw_end(port, "/v1/dial/w1", ticket, Inner(context, False), total)
    return time.monotonic() - began


def measured(mode: str, total: int, rounds: int) -> tuple[list[float], float]:
    """Seconds of each round, and the CPU seconds of the relay for a round."""
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        folder, signer, port = Path(name), Signer(), free_port()
        relay = fork.Process(target=serve, args=(mode, port, folder, signer))
        relay.start()
        time.sleep(2)
        seconds = []
        for _ in range(rounds):
            ours, theirs = fork.Pipe()
            receiver = fork.Process(target=receive_once, args=(mode, port, folder, signer, total, theirs))
            receiver.start()
            authority = ours.recv()
            if mode == "raw":
                ours.recv()
            seconds.append(uvloop.run(send_once(mode, port, signer, total, authority)))
            receiver.join(60)
        cpu = sum(float(n) for n in Path(f"/proc/{relay.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]) / 100
        relay.terminate()
        relay.join()
        return seconds, cpu / rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for mode in ("raw", "frames", "raw", "frames"):
        seconds, cpu = measured(mode, options.megabytes * 1_000_000, options.rounds)
        best, middle = min(seconds), statistics.median(seconds)
        print(f"{mode:7} best {best:.2f} s, median {middle:.2f} s; the relay's CPU for one: {cpu:.2f} s")
    print(f"(peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB)")


if __name__ == "__main__":
    main()
