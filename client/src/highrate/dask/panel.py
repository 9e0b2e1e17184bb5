"""What the "New" button of the Dask side panel makes: named in Dask's configuration (`labextension.factory`)."""

from typing import Any

import dask.config
from distributed import LocalCluster

from highrate.dask.cluster import OffloadCluster


def new_cluster(**options: Any) -> Any:
    """A cluster of the platform where there is a gateway, else one inside of the session. To be awaited."""
    if dask.config.get("gateway.address", None):
        return PanelCluster(**options)
    return LocalCluster(**options)


class PanelCluster(OffloadCluster):
    """One whose address can be put into a notebook: the panel writes `Client("ADDRESS")` there, and nothing of certificates."""

    async def _start_async(self) -> None:
        await super()._start_async()
        self.scheduler_address = f"offload://{self.name}"
