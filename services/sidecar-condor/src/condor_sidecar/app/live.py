"""Output of running jobs, fetched while somebody wants it.

`retrieve` of a running job brings its whole streamed output (HTCondor keeps it up to date within a second or so), so one
fetch serves every follower of every container of the pod, and no pod is fetched more often than the configured interval.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.result import parse_stream
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.io.schedd import Schedd, ScheddError
from condor_sidecar.model.job_ad import JobStatus
from condor_sidecar.model.result import JobResult, UnreadableResult

FORGET_SECONDS = 60.0
MOST_BYTES = 256 << 20
"""Of logs in memory, of all pods together, with the newest one on top."""

log = get_logger(__name__)


@dataclass(slots=True)
class _Cached:
    logs: Mapping[str, bytes] = field(default_factory=dict)
    fetched: float = float("-inf")
    used: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def size(self) -> int:
        return sum(map(len, self.logs.values()))


class LiveLogs:
    """Logs of pods whose job runs."""

    def __init__(self, table: PodTable, schedd: Schedd, store: OutputStore, interval_seconds: float) -> None:
        self._table = table
        self._schedd = schedd
        self._store = store
        self.interval = interval_seconds
        self._cache: dict[str, _Cached] = {}

    async def log(self, pod: Pod, container: str) -> bytes:
        """The container's lines so far, at most an interval old; what was there last if the schedd doesn't answer."""
        self.forget()
        cached = self._cache.setdefault(pod.uid, _Cached())
        cached.used = time.monotonic()
        async with cached.lock:
            if time.monotonic() - cached.fetched >= self.interval and self._runs(pod):
                await self._fetch(pod, cached)
        return cached.logs.get(container, b"")

    def _runs(self, pod: Pod) -> bool:
        return pod.ad is not None and pod.ad.status in (JobStatus.RUNNING, JobStatus.TRANSFERRING_OUTPUT)

    async def _fetch(self, pod: Pod, cached: _Cached) -> None:
        record = None
        try:
            async with self._schedd.live_turn():
                # it may have ended while we waited: then its output is the fetcher's, which waits for nobody's turn
                if self._runs(pod) and not pod.sandbox.locked():
                    record = await self._bring(pod)
        except (ScheddError, UnreadableResult) as error:
            log.warning("log.fetch_failed", pod_uid=pod.uid, reason=str(error))
        cached.fetched = time.monotonic()
        if record is not None:
            cached.logs = record.logs
            # the record alone: logs live on the disk, or with those who read them
            self._table.take_record(pod, replace(record, logs={}))
            self._table.show(pod)

    async def _bring(self, pod: Pod) -> JobResult | None:
        assert pod.ad is not None
        async with pod.sandbox:
            try:
                await self._schedd.retrieve_live(pod.ad.job_id, self._store.sandbox(pod.uid))
                return await asyncio.to_thread(self._read, pod)
            finally:
                await asyncio.to_thread(self._store.remove_payloads, [pod.uid])

    def _read(self, pod: Pod) -> JobResult | None:
        return parse_stream(self._store.read_stream(pod.uid), pod.container_names)

    def forget(self) -> None:
        """Drop what nobody has read for a minute, and what was read longest ago where all of it is too much."""
        limit = time.monotonic() - FORGET_SECONDS
        size = sum(cached.size for cached in self._cache.values())
        for uid, cached in sorted(self._cache.items(), key=lambda item: item[1].used):
            if not cached.lock.locked() and (cached.used < limit or size > MOST_BYTES):
                size -= cached.size
                del self._cache[uid]
        metrics.LIVE_BYTES.set(size)
