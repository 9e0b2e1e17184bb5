"""Dask's transport `offload://NAME`: to a cluster of the session's user by its name alone.

`Client("offload://NAME")` asks the gateway for the cluster's certificate and address, with the session's own token; that is what
the Dask side panel puts into notebooks. Listening is nobody's business here.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from dask_gateway import Gateway
from dask_gateway.client import GatewayClusterError, GatewayServerError
from dask_gateway.comm import GatewayConnector
from distributed.comm.core import Comm, CommClosedError, Connector, FatalCommClosedError
from distributed.comm.registry import Backend

ASK_SECONDS = 20.0


class OffloadConnector(Connector):
    """Connects as dask-gateway does, once it knows where to."""

    async def connect(self, address: str, deserialize: bool = True, **connection_args: Any) -> Comm:
        """Raises CommClosedError, FatalCommClosedError where another try is useless."""
        scheduler, security = await _look_up(address)
        arguments = {**connection_args, **security.get_connection_args("client")}
        comm: Comm = await GatewayConnector().connect(scheduler.removeprefix("gateway://"), deserialize, **arguments)
        return comm


async def _look_up(cluster: str) -> tuple[str, Any]:
    """The scheduler's address, and what proves to it who we are."""
    try:
        async with asyncio.timeout(ASK_SECONDS), Gateway(asynchronous=True) as gateway:
            report = await gateway._cluster_report(cluster)
    except (TimeoutError, aiohttp.ClientConnectionError) as error:
        raise CommClosedError(
            f"the gateway can't be asked for the cluster {cluster}: {error or 'no answer'}"
        ) from error
    except (ValueError, aiohttp.ClientError, GatewayClusterError, GatewayServerError) as error:
        raise FatalCommClosedError(f"there is no way to the cluster {cluster}: {error}") from error
    if report.security is None or report.scheduler_address is None:
        raise FatalCommClosedError(f"the cluster {cluster} is {report.status.name.lower()}, and takes no clients")
    return report.scheduler_address, report.security


class OffloadBackend(Backend):
    """Found by the entry point `distributed.comm.backends`."""

    def get_connector(self) -> OffloadConnector:
        return OffloadConnector()

    def get_listener(self, loc: str, handle_comm: Callable[..., Any], deserialize: bool, **connection_args: Any) -> Any:
        raise NotImplementedError("offload:// leads to clusters; nothing listens there")

    def get_address_host(self, loc: str) -> str:
        return loc

    def resolve_address(self, loc: str) -> str:
        return loc

    def get_local_address_for(self, loc: str) -> str:
        return loc
