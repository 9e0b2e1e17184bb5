"""What Dask asks for by the scheme `relay`; found by the entry point `distributed.comm.backends`."""

from collections.abc import Awaitable, Callable
from typing import Any

from distributed.comm.core import Comm
from distributed.comm.registry import Backend

from highrate.relay import openssl_errors
from highrate.relay.address import parse
from highrate.relay.connector import RelayConnector
from highrate.relay.listener import RelayListener

openssl_errors.contain()


class RelayBackend(Backend):
    """Connector, listener and addresses."""

    def get_connector(self) -> RelayConnector:
        return RelayConnector()

    def get_listener(
        self, loc: str, handle_comm: Callable[[Comm], Awaitable[None]], deserialize: bool, **connection_args: Any
    ) -> RelayListener:
        return RelayListener(loc, handle_comm, deserialize, **connection_args)

    def get_address_host(self, loc: str) -> str:
        return parse(loc).host

    def get_address_host_port(self, loc: str) -> tuple[str, int]:
        """Of the direct address. Raises NotImplementedError where there is none, as Dask expects it."""
        direct = parse(loc).direct
        if direct is None:
            raise NotImplementedError
        return direct.host, direct.port

    def resolve_address(self, loc: str) -> str:
        return parse(loc).location

    def get_local_address_for(self, loc: str) -> str:
        """Any listener can be reached from anywhere: an empty address, for which an id is made."""
        parse(loc)
        return ""
