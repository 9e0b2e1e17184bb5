"""What the scheduler of a cluster runs beside itself: dask-gateway's service, with adaptive scaling that knows batch queues.

`dask scheduler --preload highrate.dask.scheduler_preload` takes the place of `--preload dask_gateway.scheduler_preload` and has
the same options. `--dg-adaptive-period` is the time between two looks.

dask-gateway asks for what `count` says: lowered, it cancels workers that haven't come before it retires one that has.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Set
from typing import Any

import click
import dask.config
from dask_gateway import scheduler_preload as gateway
from distributed.scheduler import Scheduler
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from highrate.dask.adaptive import Memory, Policy, Sight, decide

ROOM_SECONDS = 10.0
"""For the gateway's answer about the site's capacity; without one, the last answer stands."""
KNOWN_SECONDS = 600.0
"""How long the gateway is told of a worker that has closed: it waits half as long for one that may come back."""
_TARGET = "60s"

logger = logging.getLogger(__name__)
logger.parent = logging.getLogger("distributed.scheduler")


class BatchQueueService(gateway.GatewaySchedulerService):  # type: ignore[misc] # dask-gateway is untyped
    """dask-gateway's service with another loop for adaptive scaling, and an end to what it reports.

    dask-gateway's own tells of each worker that ever closed, every time, until the gateway takes no more: it reads 1 MiB, which is
    the names of some 29,000 workers.
    """

    clock = staticmethod(time.monotonic)
    _room: int | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._told: dict[str, float] = {}
        """When the gateway first heard of those in closed_workers."""

    async def heartbeat(self) -> None:
        said = frozenset(self.closed_workers)
        await super().heartbeat()
        self.drop_what_is_known(said, self.clock())

    def drop_what_is_known(self, said: Set[str], now: float) -> None:
        """`said` are the closed workers of a report that the gateway took."""
        self._told = {name: self._told.get(name, now) for name in said if name in self.closed_workers}
        for name in [name for name, first in self._told.items() if now - first >= KNOWN_SECONDS]:
            del self._told[name]
            self.closed_workers.discard(name)

    async def adapt(self, minimum: int | None = None, maximum: int | None = None, active: bool = True) -> None:
        if active:
            policy(minimum, maximum)  # what can't be is refused to whoever asks, and not later in the loop
        await super().adapt(minimum=minimum, maximum=maximum, active=active)

    async def adapt_loop(self) -> None:
        memory = Memory()
        while True:
            try:
                memory = await self.look(memory)
            except asyncio.CancelledError:
                break
            except Exception as error:
                logger.warning("Adaptive scaling could not look; it tries again", exc_info=error)
            await asyncio.sleep(self.adaptive_period)

    async def look(self, memory: Memory) -> Memory:
        """One look, and what follows from it."""
        target = dask.config.get("highrate.adaptive.target-duration", _TARGET)
        sight = Sight(
            needed=self.scheduler.adaptive_target(target_duration=target),
            connected=len(self.active_workers),
            asked=self.count,
            room=await self.room(),
        )
        count, memory = decide(policy(self.minimum, self.maximum), sight, memory)
        if count != self.count:
            logger.info("Adaptive scaling: from %d to %d workers (%s)", self.count, count, sight)
        await self._scale(count)
        return memory

    async def room(self) -> int | None:
        """The most workers that the site can hold and the user may have; the last that was known if it can't be asked for."""
        client = self.gateway
        request = HTTPRequest(
            f"{client.api_url}/v1/clusters/{client.cluster_name}/capacity",
            headers={"Authorization": f"token {client.token}"},
            connect_timeout=ROOM_SECONDS,
            request_timeout=ROOM_SECONDS,
        )
        try:
            answer = json.loads((await AsyncHTTPClient().fetch(request)).body)
            found, unreachable = answer.get("maximum"), answer.get("unreachable")
        except (OSError, ValueError, AttributeError, HTTPClientError) as error:
            logger.info("The gateway doesn't tell how many workers the site can hold: %s", error)
            return self._room
        self._room = found if isinstance(found, int) and not isinstance(found, bool) else None
        if unreachable:
            # workers that were asked for come when the site is back; more of them would not come sooner
            logger.info("The site can't be reached (%s): no more workers are asked for", unreachable)
            asked: int = self.count
            return asked if self._room is None else min(asked, self._room)
        return self._room


def policy(minimum: int | None, maximum: int | None) -> Policy:
    """With what Dask's configuration has below `highrate.adaptive`. Raises ValueError."""
    standard = Policy()
    return Policy(
        minimum=minimum or 0,
        maximum=maximum,
        chunk=int(dask.config.get("highrate.adaptive.chunk", standard.chunk)),
        wait_pending=int(dask.config.get("highrate.adaptive.wait-pending", standard.wait_pending)),
        wait_connected=int(dask.config.get("highrate.adaptive.wait-connected", standard.wait_connected)),
    )


def _setup(
    scheduler: Scheduler,
    dg_adaptive_period: float,
    dg_heartbeat_period: float,
    dg_idle_timeout: float,
    dg_api_address: str,
) -> None:
    """Called by Dask when the scheduler starts."""
    try:
        host, port = dg_api_address.rsplit(":", 1)
        service = BatchQueueService(
            scheduler,
            gateway=gateway.make_gateway_client(),
            adaptive_period=dg_adaptive_period,
            heartbeat_period=dg_heartbeat_period,
            idle_timeout=dg_idle_timeout,
        )
        service.listen((host, int(port)))
    except (OSError, ValueError) as error:
        logger.error("The service towards the gateway can't start: %s", error)
        # Dask would go on without it, and the gateway wait for it in vain
        sys.exit(1)
    scheduler.services["gateway"] = service


dask_setup = click.Command("dask_setup", callback=_setup, params=gateway.dask_setup.params)
