"""Removes jobs whose pods vanished by force, by comparing our pods with the server's list at start and every few minutes."""

import asyncio
import time
from collections.abc import Callable

from interlink.protocol.errors import InterlinkError
from interlink.protocol.types import PodStatus
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.create_request import slim
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.sweep import Suspects, suspects, to_sweep
from virtual_kubelet.model.pod import pod_path

log = get_logger(__name__)


class Sweeper:
    """Works only with a server that can list (feature `list`), and only while our own list is complete."""

    def __init__(
        self,
        api: ApiServer,
        registry: Registry,
        remote: Remote,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._registry = registry
        self._remote = remote
        self._interval = interval
        self._clock = clock
        self._suspects = Suspects()

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            if self._remote.lists and self._registry.complete:
                await self._compare_logged()
                await asyncio.sleep(self._interval)
            else:
                await asyncio.sleep(min(5.0, self._interval))

    async def _compare_logged(self) -> None:
        try:
            await self.compare()
        except InterlinkError as error:
            log.warning("sweep.failed", error=str(error)[:500])

    async def compare(self) -> None:
        """One comparison. Raises InterlinkError where there is no list; what was found before is then kept."""
        listed = {status.UID: status for status in await self._remote.list_pods()}
        now = self._clock()
        self._suspects = suspects(self._suspects, listed.values(), lambda uid: self._registry.get(uid) is not None, now)
        metrics.SUSPECTS.set(len(self._suspects.since))
        # a little patience is lost to the calls themselves: 0.9 keeps "two lists, one interval apart" true
        for uid in to_sweep(self._suspects, now, 0.9 * self._interval):
            try:
                await self._sweep(listed[uid])
            except (InterlinkError, ApiError) as error:
                # it goes to the end of the line, so that those that can't be removed never make up whole passes
                self._suspects = Suspects({**self._suspects.since, uid: now})
                log.warning("sweep.job_stays", pod_uid=uid, job=listed[uid].JID, error=str(error)[:500])

    async def _sweep(self, status: PodStatus) -> None:
        if not await self._is_gone(status):
            log.warning("sweep.pod_exists", pod_uid=status.UID, pod=f"{status.namespace}/{status.name}")
            return
        log.warning("sweep.removing", pod_uid=status.UID, pod=f"{status.namespace}/{status.name}", job=status.JID)
        await self._remote.delete(slim(status.namespace, status.name, status.UID))
        metrics.SWEPT.inc()

    async def _is_gone(self, status: PodStatus) -> bool:
        """The API server's own word: no pod has this UID."""
        if self._registry.get(status.UID) is not None:
            return False
        try:
            found = await self._api.get(pod_path(status.namespace, status.name))
        except ApiError as error:
            if error.absent:
                return True
            raise
        return bool(found["metadata"]["uid"] != status.UID)
