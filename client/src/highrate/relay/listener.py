"""Listens at the relay, and directly for whoever is in the same network."""

import asyncio
import hashlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from distributed.comm.core import BaseListener, Comm, CommClosedError
from distributed.comm.tcp import TLS, TLSListener
from distributed.utils import get_ip
from tornado.iostream import StreamClosedError

from highrate.relay import ticket
from highrate.relay.address import PREFIX, Address, Direct, to_listen_on
from highrate.relay.comm import RelayComm, required_context
from highrate.relay.control import Control
from highrate.relay.options import LISTEN_TICKET, Options, options
from highrate.relay.upgrade import open_stream

START_SECONDS = 600.0
"""For a relay that is away, as when it is being replaced: who has waited for a batch job does not give up at once."""
ACCEPT_SECONDS = 30.0
MOST_ACCEPTED = 64
"""Calls that are answered at the same time; others wait."""
MOST_WAITING = 1000

logger = logging.getLogger(__name__)

Handle = Callable[[Comm], Awaitable[None]]


class RelayListener(BaseListener):
    """One listener, with an id of its own."""

    prefix = PREFIX

    def __init__(
        self,
        location: str,
        handle: Handle,
        deserialize: bool = True,
        allow_offload: bool = True,
        **connection_args: Any,
    ) -> None:
        super().__init__()
        self._context = required_context(connection_args)
        self._handle, self._deserialize, self._allow_offload = handle, deserialize, allow_offload
        self._connection_args = connection_args
        self._id = to_listen_on(location, options().listen_id)
        self._address: Address | None = None
        self._control: Control | None = None
        self._direct: _DirectListener | None = None
        self._accepting = asyncio.Semaphore(MOST_ACCEPTED)
        self._answering: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Until the relay knows the id. Raises ConnectionError."""
        direct = await self._listen_directly()
        self._control = Control(self._id, self._called)
        try:
            await self._control.start(START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self._address = Address(self._id, direct)

    def stop(self) -> None:
        """No call is taken any more; comms that stand are not touched."""
        control, self._control = self._control, None
        if control is not None:
            control.stop()
        if self._direct is not None:
            self._direct.stop()
        for task in tuple(self._answering):
            task.cancel()

    def abort_handshaking_comms(self) -> None:
        super().abort_handshaking_comms()
        if self._direct is not None:
            self._direct.abort_handshaking_comms()

    @property
    def listen_address(self) -> str:
        return self.contact_address

    @property
    def contact_address(self) -> str:
        """Where others reach it. Raises ValueError before the start."""
        if self._address is None:
            raise ValueError("the relay listener has not started")
        return str(self._address)

    def get_host_port(self) -> tuple[str, int]:
        """Dask's question for an address of its kind; the port is 0 where there is no direct one."""
        if self._address is None:
            raise ValueError("the relay listener has not started")
        return self._address.host, self._address.direct.port if self._address.direct else 0

    async def _listen_directly(self) -> Direct | None:
        opts = options()
        if opts.network is None:
            return None
        host = opts.direct_host or await asyncio.get_running_loop().run_in_executor(None, _own_host, opts)
        if host is None:
            return None
        self._direct = _DirectListener(self, host)
        await self._direct.start()
        return Direct(opts.network, host, self._direct.get_host_port()[1])

    def _called(self, token: str) -> None:
        if len(self._answering) >= MOST_WAITING:
            logger.warning("%d calls wait to be answered already: one more is not", len(self._answering))
            return
        task = asyncio.create_task(self._answer(token))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, token: str) -> None:
        """Dial out once more for the call; what comes of it is served by a task that outlives `stop`."""
        comm = None
        try:
            async with self._accepting, asyncio.timeout(ACCEPT_SECONDS):
                comm = await self._accepted(token)
        except (OSError, ssl.SSLError, StreamClosedError, TimeoutError, ticket.UnusableTicket) as error:
            logger.info('A call of "%s" could not be answered: %s', self._id, error)
            return
        task = asyncio.create_task(self.serve(comm))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _accepted(self, token: str) -> RelayComm:
        opts = options()
        shown = ticket.read(opts.listen_ticket_file, LISTEN_TICKET)
        stream = await open_stream(shown, f"/v1/accept/{quote(token, safe='')}", opts.ca_file)
        try:
            await stream.nest(self._context, server_side=True)
        except BaseException:
            stream.close()
            raise
        peer = f"{PREFIX}call-{hashlib.sha256(token.encode()).hexdigest()[:8]}"
        comm = RelayComm(stream, self.contact_address, peer, self._deserialize)
        comm.allow_offload = self._allow_offload
        return comm

    async def serve(self, comm: Comm) -> None:
        """Dask's handshake, and then whatever the comm is for."""
        if self._control is None:  # stopped in between
            comm.abort()
            return
        try:
            await self.on_connection(comm)
        except CommClosedError:
            logger.info("Connection from %s closed before its handshake was complete", comm.peer_address)
            return
        await self._handle(comm)


def _own_host(opts: Options) -> str | None:
    """This machine's address on its way to the relay, since a site may have no other way. None where it means only itself."""
    try:
        relay = ticket.read(opts.listen_ticket_file, LISTEN_TICKET)
        host, there = get_ip(relay.host, relay.port), socket.gethostbyname(relay.host)
    except (OSError, ticket.UnusableTicket):  # what is wrong with it shows when the relay is called
        return None
    only_here = ipaddress.ip_address(host).is_loopback and not ipaddress.ip_address(there).is_loopback
    return None if only_here else str(host)


class _DirectListener(TLSListener):
    """Dask's own TLS listener on a port of chance, whose comms bear the addresses of the relay."""

    def __init__(self, relay: RelayListener, host: str) -> None:
        super().__init__(
            "[::]:0" if ":" in host else "0.0.0.0:0",
            relay._handle,
            relay._deserialize,
            relay._allow_offload,
            **relay._connection_args,
        )
        self._relay = relay

    async def on_connection(self, comm: Comm, handshake_overrides: dict[str, Any] | None = None) -> None:
        assert isinstance(comm, TLS), "what this listener makes"
        peer = hashlib.sha256(comm.peer_address.encode()).hexdigest()[:8]
        comm._local_addr, comm._peer_addr = self._relay.contact_address, f"{PREFIX}direct-{peer}"
        await super().on_connection(comm, handshake_overrides)
