"""How many workers a cluster may have now: by its user's limits, and by what its site can hold."""

from dataclasses import dataclass
from typing import Any

from dask_gateway_server.backends.db_base import Cluster, JobStatus

from offload_backend.app.cluster_config import share, size, user_limits
from offload_backend.core.budget import Allowance, Share, allowance, of_site
from offload_backend.core.capacity import fits, unreachable
from offload_backend.io.nodes import Nodes
from offload_backend.model.settings import Settings


@dataclass(frozen=True)
class Room:
    """What adaptive scaling should know of the place of a cluster's workers."""

    fits: int | None
    unreachable: str | None


class Shares:
    """`db` is dask-gateway's database in memory."""

    def __init__(self, db: Any, settings: Settings, nodes: Nodes) -> None:
        self._db = db
        self._settings = settings
        self._nodes = nodes

    def allowance(self, cluster: Cluster) -> Allowance:
        """By the limits of the cluster's user, beside the user's other clusters, and by the site's, beside everybody's."""
        mine = self._db.list_clusters(username=cluster.username)
        by_user = allowance(user_limits(cluster), size(cluster), self._of_others(mine, cluster))
        place = self._settings.sites.get(cluster.config.site)
        limit = place.workers if place is not None else None
        by_site = of_site(cluster.config.site, limit, self._of_others(self._there(cluster), cluster))
        return by_site if by_site is not None and by_site.workers < by_user.workers else by_user

    async def room(self, cluster: Cluster) -> Room:
        """At the cluster's site, beside all other clusters there."""
        place = self._settings.sites.get(cluster.config.site)
        if place is None:  # it left the settings; workers that are there go on
            return Room(0, "the site is not offered any more")
        node = await self._nodes.get(place.node) if place.node is not None else None
        others = self._of_others(self._there(cluster), cluster)
        return Room(fits(place, node, size(cluster), others), unreachable(node))

    async def capacity(self, cluster: Cluster) -> dict[str, Any]:
        """What `GET .../capacity` answers."""
        allowed, room = self.allowance(cluster), await self.room(cluster)
        active = cluster.active_workers()
        bounds = [bound for bound in (allowed.workers, room.fits) if bound is not None]
        return {
            "site": cluster.config.site,
            "requested": cluster.count,
            "connected": sum(worker.status == JobStatus.RUNNING for worker in active),
            "pending": sum(worker.status < JobStatus.RUNNING for worker in active),
            "allowed": allowed.workers,
            "reason": allowed.reason,
            "fits": room.fits,
            "unreachable": room.unreachable,
            "maximum": min(bounds),
        }

    def _there(self, cluster: Cluster) -> list[Cluster]:
        return [c for c in self._db.active_clusters() if c.config.site == cluster.config.site]

    @staticmethod
    def _of_others(clusters: list[Cluster], cluster: Cluster) -> list[Share]:
        return [share(other) for other in clusters if other.name != cluster.name and other.is_active()]
