"""What the "New" button of the Dask side panel makes: named in Dask's configuration (`labextension.factory`)."""

import logging
from typing import Any, Self

import dask.config
from distributed import LocalCluster

from highrate.dask.cluster import OffloadCluster

logger = logging.getLogger("distributed.client")


def new_cluster(**options: Any) -> Any:
    """A cluster of the platform where there is a gateway, else one inside of the session. To be awaited."""
    if dask.config.get("gateway.address", None):
        return PanelCluster(**options)
    return LocalCluster(**options)


class PanelCluster(OffloadCluster):
    """One whose address can be put into a notebook: the panel writes `Client("ADDRESS")` there, and nothing of certificates.

    Such a client brings no credentials to the workers. So the panel's cluster has a client of its own that does, in the server of
    the session, as long as the cluster is there.
    """

    _attended = False

    async def _start_internal(self) -> Self:
        await super()._start_internal()
        if self.asynchronous and not self._attended:
            self._attended = True  # before: a client awaits its cluster, and so comes here again
            try:
                await self.get_client(set_as_default=False)
            except OSError as error:
                logger.warning("The session's credentials are not on the workers of %s: %s", self.name, error)
        return self

    async def _start_async(self) -> None:
        await super()._start_async()
        self.scheduler_address = f"offload://{self.name}"
