"""Dials: directly where both are in one network, else through the relay."""

import asyncio
import secrets
import ssl
import time
from typing import Any
from urllib.parse import quote

from distributed.comm.core import Comm, CommClosedError, Connector, FatalCommClosedError
from distributed.comm.tcp import TLS, TLSConnector
from tornado.iostream import StreamClosedError

from highrate.relay import ticket
from highrate.relay.address import PREFIX, Address, Direct, parse
from highrate.relay.comm import RelayComm, required_context
from highrate.relay.nested import NestedStream
from highrate.relay.options import DIAL_TICKET, Options, options
from highrate.relay.upgrade import RelayRefused, open_stream

DIRECT_SECONDS = 2.0
"""For a direct connection: Dask gives its first try of a connection 6 s, and the relay needs some of them."""
AVOIDED_SECONDS = 60.0
"""A direct address that did not answer is not tried again for so long."""
DIAL_SECONDS = 30.0
MOST_AVOIDED = 10_000


class RelayConnector(Connector):
    """Connects to relay addresses."""

    _avoided: dict[Direct, float] = {}

    async def connect(self, address: str, deserialize: bool = True, **connection_args: Any) -> Comm:
        """A comm to `address` (without relay://). Raises CommClosedError, FatalCommClosedError where another try is useless."""
        context = required_context(connection_args)
        target, opts = parse(address), options()
        comm = await self._directly(target, opts, deserialize, connection_args)
        if comm is not None:
            return comm
        stream = await self._dialled(target, opts)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await stream.nest(context, server_side=False, server_hostname=connection_args.get("server_hostname"))
        except ssl.SSLCertVerificationError as error:
            stream.close()
            raise FatalCommClosedError(
                f"who answers as {target} has no certificate of this cluster: check the security settings ({error})"
            ) from error
        except ssl.SSLError as error:
            stream.close()
            raise FatalCommClosedError(f"no TLS with {target}: {error}") from error
        except (StreamClosedError, TimeoutError) as error:
            stream.close()
            raise CommClosedError(f"{target} closed the connection before TLS stood") from error
        except BaseException:
            stream.close()
            raise
        return RelayComm(stream, own_address(), str(target), deserialize)

    async def _dialled(self, target: Address, opts: Options) -> NestedStream:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                shown = ticket.read(opts.dial_ticket_file, DIAL_TICKET)
                return await open_stream(shown, f"/v1/dial/{quote(target.id, safe='')}", opts.ca_file)
        except ticket.UnusableTicket as error:
            raise FatalCommClosedError(f"{target} can't be dialled: {error}") from error
        except RelayRefused as error:
            kind = FatalCommClosedError if error.final else CommClosedError
            raise kind(f"{target} can't be dialled: {error}") from error
        except TimeoutError as error:
            raise CommClosedError(
                f"{target} can't be dialled: the relay gave no answer for {DIAL_SECONDS:g} s"
            ) from error
        except OSError as error:
            raise CommClosedError(f"{target} can't be dialled: {error}") from error

    async def _directly(
        self, target: Address, opts: Options, deserialize: bool, connection_args: dict[str, Any]
    ) -> Comm | None:
        """A connection past the relay, if both are in one network and it works."""
        direct = target.direct
        if direct is None or direct.network != opts.network or self._avoided.get(direct, 0.0) > time.monotonic():
            return None
        try:
            async with asyncio.timeout(DIRECT_SECONDS):
                comm: TLS = await TLSConnector().connect(direct.host_port, deserialize, **connection_args)
        except (OSError, TimeoutError):
            # also where somebody else answers there, whose certificate is not of this cluster
            if len(self._avoided) >= MOST_AVOIDED:
                self._avoided.clear()
            self._avoided[direct] = time.monotonic() + AVOIDED_SECONDS
            return None
        comm._local_addr, comm._peer_addr = own_address(), str(target)
        return comm


def own_address() -> str:
    """What a dialler is called: nobody can dial it by that, but each has its own."""
    return f"{PREFIX}dialler-{secrets.token_hex(4)}"
