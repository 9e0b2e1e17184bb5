"""Dask's comms through a real relay, in one loop; the certificates of a cluster are made once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import Security
from distributed.comm import Comm, connect, listen

from tests.fakes.relay_member import Member, member

Handle = Callable[[Comm], Awaitable[None]]


@pytest.fixture(scope="session")
def security() -> Security:
    made: Security = Security.temporary()
    return made


@pytest.fixture
def quick() -> dict[str, Any]:
    """Time-outs that tests can wait for."""
    return {"distributed.comm.timeouts.connect": "20s"}


@pytest.fixture(params=[True, False], ids=["https", "http"])
async def relay(request: pytest.FixtureRequest, tmp_path: Path, quick: dict[str, Any]) -> AsyncIterator[Member]:
    """A relay that ends the outer TLS itself, and one behind an ingress that does; Dask is configured for it."""
    async with member(tmp_path, tls=request.param) as made:
        with dask.config.set({**quick, **made.dask()}):
            yield made


@pytest.fixture
async def plain_relay(tmp_path: Path, quick: dict[str, Any]) -> AsyncIterator[Member]:
    """Where it makes no difference who ends the outer TLS."""
    async with member(tmp_path, tls=False) as made:
        with dask.config.set({**quick, **made.dask()}):
            yield made


class Comms:
    """Listeners and connections of one cluster."""

    def __init__(self, security: Security) -> None:
        self.listening: dict[str, Any] = security.get_listen_args("worker")
        self.connecting: dict[str, Any] = security.get_connection_args("worker")

    def listen(self, handle: Handle, address: str = "relay://", **options: Any) -> Any:
        return listen(address, handle, **{**self.listening, **options})

    async def connect(self, address: str, **options: Any) -> Comm:
        made: Comm = await connect(address, **{**self.connecting, **options})
        return made

    @contextlib.asynccontextmanager
    async def pair(self, **options: Any) -> AsyncIterator[tuple[Comm, Comm]]:
        """The two ends of one comm: the dialler's and the listener's."""
        accepted: asyncio.Future[Comm] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        async def handle(comm: Comm) -> None:
            accepted.set_result(comm)
            await over.wait()

        async with self.listen(handle, **options) as listener:
            dialled = await self.connect(listener.contact_address, **options)
            answered = await accepted
            try:
                yield dialled, answered
            finally:
                over.set()
                dialled.abort()
                answered.abort()


@pytest.fixture
def comms(security: Security) -> Comms:
    return Comms(security)
