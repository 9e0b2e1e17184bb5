"""Ends a pod by its supervisor's last record, signed with the pod's ticket, as soon as all logs are here.

It saves the way through the schedd, where a job's end is seen seconds later and its output brought after that. Whatever goes wrong
here, the job says nothing more, and that way serves as it does without a channel. So does it for the job itself, which stays in
the queue until its own end.
"""

import asyncio
import contextlib
import time
from dataclasses import replace

from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_log import LogPlace, read_log
from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.result import MOST_LOG_BYTES
from condor_sidecar.core.state import Stage
from condor_sidecar.io.journal import JournalError
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.job.supervisor.channel_logs import LATEST, PREVIOUS
from condor_sidecar.job.supervisor.channel_protocol import encode
from condor_sidecar.job.supervisor.state import TOLD_TO_STOP
from condor_sidecar.model.result import ContainerState, JobResult

FETCH_SECONDS = 4.0
"""For a turn and all logs of a pod: its supervisor waits no longer than five seconds."""
AT_ONCE = 4
"""Pods whose logs are in memory, up to 80 MiB each."""
SHOWN_SECONDS = 15.0
"""How long the end of a pod that was deleted before is told at least: the virtual node asks every few seconds."""
LEAVE_SECONDS = 120.0
"""How long the job of a pod that has ended may take to end itself before it is removed."""

log = get_logger(__name__)


class TooLong(Exception):
    """The logs are more than a pod may have."""


class FinalRecords:
    """Takes last records; each is worked on in a task of its own, a few at a time."""

    def __init__(self, table: PodTable, store: OutputStore, tasks: asyncio.TaskGroup) -> None:
        self._table, self._store, self._tasks = table, store, tasks
        self._turns = asyncio.Semaphore(AT_ONCE)

    def take(self, pod: Pod, record: JobResult, connection: Connection) -> None:
        """The supervisor has said its last word; it waits for ours."""
        if not connection.finishing:
            connection.finishing = True
            self._tasks.create_task(self._finish(pod, record, connection))

    async def _finish(self, pod: Pod, record: JobResult, connection: Connection) -> None:
        try:
            # of a job that the batch system ends, only that knows why, and whether it was the site's doing; unless it was ours
            if pod.deleting and record.reason == TOLD_TO_STOP:
                record = replace(record, reason="", message="")
            if _is_open(pod) and record.reason != TOLD_TO_STOP:
                await self._end(pod, record, connection)
        except (ChannelLost, CannotOpen, TooLong, TimeoutError, OSError, JournalError) as error:
            log.info("channel.end_left_to_the_job", pod_uid=pod.uid, reason=f"{type(error).__name__}: {error}")
        except Exception:
            metrics.LOOP_FAILURES.labels("final").inc()
            log.exception("channel.end_failed", pod_uid=pod.uid)
        with contextlib.suppress(ChannelLost):
            await connection.send(encode("bye"))

    async def _end(self, pod: Pod, record: JobResult, connection: Connection) -> None:
        """Raises whatever keeps the pod from ending this way."""
        async with asyncio.timeout(FETCH_SECONDS):
            async with self._turns:
                logs = await self._logs(record, connection)
                await asyncio.to_thread(self._store.store, pod.uid, replace(record, logs=logs))
        if not _is_open(pod) or self._table.get(pod.uid) is not pod:
            return  # its job's end was quicker
        if pod.deleting:
            pod.shown_until = time.monotonic() + SHOWN_SECONDS
        pod.leaves_by = time.monotonic() + LEAVE_SECONDS
        await self._table.end(pod, record, None)
        log.info("pod.ended", pod_uid=pod.uid, job=pod.ad.job_id if pod.ad else "", request=pod.record.request)

    async def _logs(self, record: JobResult, connection: Connection) -> dict[str, bytes]:
        """All logs of the pod's containers. Raises TooLong, ChannelLost, CannotOpen."""
        logs: dict[str, bytes] = {}
        room = MOST_LOG_BYTES
        for container in record.containers:
            if container.name not in connection.pod.container_names:
                continue
            wanted = {}
            if container.state is not ContainerState.WAITING and container.started is not None:
                wanted[container.name] = LATEST
            if container.restart_count > 0:
                wanted[f"{container.name}.previous"] = PREVIOUS
            for name, restart in wanted.items():
                logs[name] = await _whole(connection, container.name, restart, room)
                room -= len(logs[name])
        return logs


def _is_open(pod: Pod) -> bool:
    """Whether its end is not known yet. The job of a deleted pod may have left the queue already, as behind a compute element."""
    return pod.stage is Stage.PRESENT or (pod.deleting and pod.stage is Stage.MISSING)


async def _whole(connection: Connection, container: str, restart: int, room: int) -> bytes:
    """One whole log. Raises TooLong, ChannelLost, CannotOpen."""
    found = bytearray()
    async for piece in read_log(connection, container, LogPlace(restart), follow=False):
        found += piece
        if len(found) > room:
            raise TooLong(f"the logs have more than {MOST_LOG_BYTES} bytes")
    return bytes(found)
