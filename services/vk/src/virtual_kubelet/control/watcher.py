"""Follows the other side's watch, where it has one, so that a change is known at once and at no cost at rest.

Nothing depends on it: a watch that breaks is begun anew from the last revision, and while there is none the poller asks often.
"""

import asyncio
from collections.abc import Callable

from interlink.protocol.errors import InterlinkError
from interlink.protocol.watch import Change
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.hearing import Hearing
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.polling import is_polled
from virtual_kubelet.core.registry import Registry

ABSENT_SECONDS = 5.0
"""Between two looks whether the other side offers a watch by now."""
RETRY = Backoff(0.5, 30.0)

log = get_logger(__name__)


class Watcher:
    """One loop. `live` while changes are being told."""

    def __init__(self, registry: Registry, remote: Remote, hearing: Hearing, lost: Callable[[], None]) -> None:
        self._registry = registry
        self._remote = remote
        self._hearing = hearing
        self._lost = lost
        self._revision = ""
        self.live = False

    async def run(self) -> None:
        """Follow until cancelled. `lost` is called when a watch breaks: polls have to take over."""
        failures = 0
        while True:
            if not self._remote.watches:
                await asyncio.sleep(ABSENT_SECONDS)
                continue
            began = self._revision
            try:
                await self._follow()
            except InterlinkError as error:
                log.info("watch.broken", error=error.reason[:500])
            finally:
                self._ended()
            failures = 0 if self._revision != began else failures + 1
            await asyncio.sleep(RETRY.delay(failures))

    async def _follow(self) -> None:
        async with self._remote.watch(self._revision) as changes:
            async for change in changes:
                self._take(change)

    def _take(self, change: Change) -> None:
        if change.revision:
            self._revision = change.revision
            self.live = True
            metrics.WATCHING.set(1)
            metrics.LAST_POLL.set_to_current_time()
        pod = self._registry.get(change.status.UID) if change.status is not None else None
        if pod is None or change.status is None:
            return
        if pod.creating:
            self._hearing.overheard(pod, change.status)
        elif is_polled(pod):
            self._hearing.told(pod, change.status)

    def _ended(self) -> None:
        was, self.live = self.live, False
        metrics.WATCHING.set(0)
        if was:
            self._lost()
