"""Jobs whose container is the test: a line that it writes takes the supervisor's own way out of the job.

That is: a pipe as the container's standard output, the thread that reads it, the log on disk, the job channel's threads, and the
stream for HTCondor, which here is in the fake schedd at once. There is no container behind it and no process of its own.
"""

import asyncio
import contextlib
import io
import os
import time
from collections.abc import Collection, Iterator
from typing import Any

from condor_sidecar.core.submit_batch import STREAM
from condor_sidecar.job.supervisor import channel_logs
from condor_sidecar.job.supervisor.channel import Channel
from condor_sidecar.job.supervisor.channel_logs import LATEST, Run
from condor_sidecar.job.supervisor.channel_protocol import STDOUT
from condor_sidecar.job.supervisor.logs import LogFile, Pump
from condor_sidecar.job.supervisor.plan import Channel as Address
from condor_sidecar.job.supervisor.report import Stream

from tests.bench.channel_jobs import running_pod
from tests.bench.sidecar_process import SidecarProcess
from tests.fakes.condor_jobs import Job

MOST_BYTES = 1 << 20  # of a log; nothing here writes as much


class TalkingJob:
    """The job of a pod with one container, `c`, which runs."""

    def __init__(self, sidecar: SidecarProcess, uid: str) -> None:
        self._state = running_pod(uid)
        self._run = Run(0, LogFile(str(sidecar.folder / f"{uid}.log"), MOST_BYTES))
        (queued,) = sidecar.schedd.of(uid)
        self._stream = Stream(_Streamed(queued), MOST_BYTES)
        address = Address(
            f"{sidecar.channel.replace('https', 'wss', 1)}/job-channel",
            sidecar.ticket(uid),
            sidecar.authority.file.read_text(),
        )
        openers = {"log": channel_logs.opener(self._find)}
        self._channel = Channel(address, uid, openers, self._refuse, self._usage)
        output, self._stdout = os.pipe()
        self._pump = Pump("c", {output: STDOUT}, self._keep, lambda _kind, _data: None)

    def start(self) -> None:
        """From here on lines are taken, and the channel is dialled."""
        record = self._state.record()
        self._stream.record(record, self._state.phase)
        self._stream.start()
        self._pump.start()
        self._channel.publish(record)
        self._channel.start()

    def write(self, line: str) -> None:
        """As the container."""
        os.write(self._stdout, f"{line}\n".encode())

    def disconnect(self) -> None:
        """Leave the channel for good; the pod goes on."""
        self._channel.finish(0)

    def stop(self) -> None:
        """End its threads."""
        self.disconnect()
        os.close(self._stdout)
        self._pump.join()
        self._run.log.end()
        self._stream.close()

    def _keep(self, line: bytes) -> None:
        self._run.log.write(line)
        self._stream.line("c", line)

    def _find(self, name: str, restart: int) -> Run | None:
        return self._run if name == "c" and restart in (0, LATEST) else None

    def _refuse(self, message: dict[str, Any]) -> None:
        raise AssertionError(f"a pod at which nothing changes was told {message}")

    def _usage(self) -> list[dict[str, Any]]:
        return [{"name": "c", "cpu_seconds": time.process_time(), "memory_bytes": 100 << 20}]


class _Streamed(io.BytesIO):
    """A job's standard output as the schedd has it."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def flush(self) -> None:
        self._job.output = {STREAM: self.getvalue()}


@contextlib.contextmanager
def talking_jobs(sidecar: SidecarProcess, uids: Collection[str]) -> Iterator[dict[str, TalkingJob]]:
    """The jobs of these pods, by UID, which talk inside the context."""
    with contextlib.ExitStack() as stack:
        made = {}
        for uid in uids:
            made[uid] = TalkingJob(sidecar, uid)
            made[uid].start()
            stack.callback(made[uid].stop)
        yield made


async def without_channel(jobs: Collection[TalkingJob]) -> None:
    """Let these jobs leave the channel: from here on only the schedd tells of their lines."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(asyncio.to_thread(job.disconnect))
