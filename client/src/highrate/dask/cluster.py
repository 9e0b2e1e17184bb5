"""A cluster of the platform: dask-gateway's `GatewayCluster`, and what a person wants to know and have beside it.

Workers with the reason why one waits or failed, the end of their logs, the session's credentials on them, and a sentence where
notebook and workers don't fit together. All of it works with `asynchronous=True`, too: then each method gives an awaitable.
"""

import asyncio
import os
import warnings
from collections.abc import Awaitable, Generator
from typing import Any

from dask_gateway import GatewayCluster, GatewayClusterError
from distributed import Client
from distributed.versions import VersionMismatchWarning

from highrate.dask import gateway_views, versions, worker_table
from highrate.dask.credential_keeper import CredentialKeeper
from highrate.dask.credentials import NotEncrypted
from highrate.dask.dashboard import through_the_session
from highrate.dask.gateway_views import GatewayUnreachable
from highrate.dask.worker_table import WorkerLog, WorkerTable

VERSIONS_SECONDS = 10.0


class Adapting:
    """Adaptive scaling that was asked for: to be awaited, and with the limits, which the Dask side panel shows."""

    def __init__(self, minimum: int | None, maximum: int | None, request: Awaitable[None]) -> None:
        self.minimum = minimum or 0
        self.maximum = maximum
        # the panel doesn't wait for it
        self._request = asyncio.ensure_future(request)

    def __await__(self) -> Generator[Any, None, None]:
        return self._request.__await__()


class OffloadCluster(GatewayCluster):  # type: ignore[misc] # dask-gateway is untyped
    """As GatewayCluster: all of its arguments, and the options of the platform (site, worker_cores, worker_memory, ...).

    `n_workers`: to ask for as soon as the cluster is there, as Dask's other clusters have it.
    """

    dashboard_link: str | None
    _keeper: CredentialKeeper | None = None
    _n_workers = 0

    def __init__(self, *arguments: Any, n_workers: int = 0, **options: Any) -> None:
        # before the rest, which starts the cluster
        self._n_workers = n_workers
        super().__init__(*arguments, **options)

    def workers(self) -> WorkerTable | Awaitable[WorkerTable]:
        """The workers, each with its state, and why it waits or failed."""
        return self.gateway.sync(self._workers)  # type: ignore[no-any-return]

    def worker_logs(self, worker: str, lines: int = 50) -> WorkerLog | Awaitable[WorkerLog]:
        """The end of a worker's log, by its name or the beginning of it, as `workers()` shows it."""
        return self.gateway.sync(self._worker_logs, worker, lines)  # type: ignore[no-any-return]

    def scheduler_logs(self, lines: int = 50) -> WorkerLog | Awaitable[WorkerLog]:
        """The end of the scheduler's log."""
        return self.gateway.sync(self._log, None, lines)  # type: ignore[no-any-return]

    def adapt(self, minimum: int | None = None, maximum: int | None = None, active: bool = True, **kwargs: Any) -> Any:
        """Scale with the work, between two limits. More on how: docs of the platform, "Dask"."""
        if active and (minimum or 0) > (maximum if maximum is not None else minimum or 0):
            raise ValueError(f"the maximum, {maximum}, is less than the minimum, {minimum}")
        request = super().adapt(minimum=minimum, maximum=maximum, active=active, **kwargs)
        return Adapting(minimum, maximum, request) if self.asynchronous else request

    def get_client(self, set_as_default: bool = True) -> Any:
        """A client. It tells if the versions differ, and brings the session's credentials to the workers.

        Asynchronously, the client that is given is awaited; the rest is done when it has connected.
        """
        if self.asynchronous:
            return self._get_client(set_as_default)
        with warnings.catch_warnings():
            # says the same in a table of all packages
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client = super().get_client(set_as_default)
        self._tell(self.gateway.sync(self._attend, client))
        return client

    async def _get_client(self, set_as_default: bool) -> Client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client: Client = await super().get_client(set_as_default)
        self._clients.add(client)
        self._tell(await self._attend(client))
        return client

    async def _attend(self, client: Client) -> list[Warning]:
        """What has to be said of a client that has just connected."""
        found: list[Warning] = []
        try:
            async with asyncio.timeout(VERSIONS_SECONDS):
                sentence = versions.sentence(await client._get_versions(packages=versions.MORE))
        except (OSError, TimeoutError):
            sentence = None  # busy, or a worker has just gone: nothing is known to be wrong
        if sentence is not None:
            found.append(versions.DifferentVersions(sentence))
        try:
            keeper = CredentialKeeper(client)
            await keeper.start()
        except NotEncrypted as error:
            found.append(UserWarning(str(error)))
        else:
            previous, self._keeper = self._keeper, keeper
            if previous is not None:
                previous.cancel()
        return found

    @staticmethod
    def _tell(found: list[Warning]) -> None:
        for warning in found:
            warnings.warn(warning, stacklevel=3)

    async def _workers(self) -> WorkerTable:
        return worker_table.read(await gateway_views.workers(self.gateway, self.name))

    async def _worker_logs(self, worker: str, lines: int) -> WorkerLog:
        row = (await self._workers())[worker]
        return await self._log(row.name, lines)

    async def _log(self, worker: str | None, lines: int) -> WorkerLog:
        return WorkerLog(await gateway_views.log(self.gateway, self.name, worker, lines))

    async def _start_async(self) -> None:
        try:
            await super()._start_async()
        except GatewayClusterError as error:
            sentence = await self._last_sentence()
            if sentence:
                raise GatewayClusterError(f"The cluster {self.name} could not start: {sentence}") from error
            raise
        if self._n_workers:
            await self.gateway._scale_cluster(self.name, self._n_workers)
        self.dashboard_link = through_the_session(self.gateway.address, self.name, os.environ) or self.dashboard_link

    async def _last_sentence(self) -> str:
        """Why the cluster ended, as the gateway has it; dask-gateway's client only says that logs do."""
        if self.name is None:
            return ""
        try:
            return " ".join((await self._workers()).notes)
        except (GatewayUnreachable, ValueError):
            return ""

    async def _stop_async(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.stop()
        await super()._stop_async()
