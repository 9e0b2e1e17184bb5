"""A container's log as an HTTP body: finished, running, or followed until it ends.

A running container's log is read from its job itself where that has a job channel: a line within a moment, and after a cut of the
connection from the next line on. Where there is none, or none any more, the schedd is asked for the job's output now and then.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from interlink.protocol.errors import NotNow, Rejected
from interlink.protocol.types import LogOptions, LogRequest

from condor_sidecar.app.channel.channels import Channels
from condor_sidecar.app.channel.job_log import LogPlace
from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost
from condor_sidecar.app.live import LiveLogs
from condor_sidecar.app.log_memory import LogMemory, Share
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.latch import CREATING
from condor_sidecar.core.log_follow import NOTHING, Mark, news
from condor_sidecar.core.log_lines import LogWriter, after, lines, pieces, tail
from condor_sidecar.core.result import MOST_LOG_BYTES
from condor_sidecar.core.state import Stage
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.job.supervisor.channel_logs import NO_LOG, PREVIOUS
from condor_sidecar.model.pod_view import Terminated, Waiting

RECONNECT_SECONDS = 15.0
"""How long a follower waits for its job to connect again before it turns to the schedd."""


class _Reader:
    """How far one caller has read: `mark` for any way, `place` for the job channel, None once another way was taken."""

    def __init__(self, pod: Pod, container: str) -> None:
        self.pod, self.container = pod, container
        self.mark = NOTHING
        self.place: LogPlace | None = LogPlace()
        self.over = False


class LogStreams:
    """Opens logs by the wire's requests."""

    def __init__(self, table: PodTable, live: LiveLogs, store: OutputStore, channels: Channels) -> None:
        self._table = table
        self._live = live
        self._store = store
        self._channels = channels
        self._memory = LogMemory()

    def find(self, request: LogRequest) -> Pod:
        """The pod of a log request that can be served. Raises Rejected (400) or NotNow (404)."""
        pod = self._table.get(request.PodUID)
        if pod is None:
            raise NotNow(f"pod {request.PodName} (UID {request.PodUID}) is not known here", http_status=404)
        names = [container.name for container in (*pod.record.containers, *pod.record.ephemeral)]
        if request.ContainerName not in names:
            raise Rejected(
                [f"container {request.ContainerName} is not in pod {request.PodName} ({', '.join(names)})"], 400
            )
        return pod

    def share(self) -> Share:
        """What a reader holds of the memory for logs, while it reads. Raises NotNow (503) where there is no more."""
        return self._memory.share()

    async def previous(self, pod: Pod, request: LogRequest, share: Share) -> AsyncIterator[bytes]:
        """The log of the run that ended last, in pieces; it may have written nothing. Raises NotNow (404) where there was none."""
        container, run = request.ContainerName, _ended_last(pod, request.ContainerName)
        found = await asyncio.to_thread(self._stored, pod.uid, _name(container, run))
        if not found and self._channels.connected(pod.uid):
            place = LogPlace(run.number if run is not None else PREVIOUS)
            found = await self._whole(pod.uid, container, place, share) or b""
        if not found and pod.stage is not Stage.ENDED and pod.ad is not None and pod.ad.has_started:
            await self._live.log(pod, container)  # brings the record that goes with the logs
            run = _ended_last(pod, container)
            found = await self._live.log(pod, _name(container, run))
        if not found and run is None:
            raise NotNow(f"previous terminated container {container} not found", http_status=404)
        return _chosen(found, request.Opts, LogWriter(request.Opts), share)

    async def read(self, pod: Pod, request: LogRequest, share: Share) -> AsyncIterator[bytes]:
        """The text that was asked for, in pieces; with Follow until the container has ended."""
        options = request.Opts
        writer = LogWriter(options)
        reader = _Reader(pod, request.ContainerName)
        reader.over = self._is_over(reader)
        data = await self._beginning(reader, share)
        reader.mark = Mark.at_end(data)
        chosen = _chosen(data, options, writer, share)
        del data  # a follower lives long
        async for piece in chosen:
            yield piece
            del piece
        del chosen
        while options.Follow and not reader.over and not writer.full:
            async with aclosing(self._more(reader, writer)) as more:
                async for piece in more:
                    yield piece
                    del piece

    async def _more(self, reader: _Reader, writer: LogWriter) -> AsyncGenerator[bytes]:
        """What comes next: all that the job channel brings while it stands, else what has come after a while."""
        changed = reader.pod.changed
        if self._connected(reader):
            async with aclosing(self._through_channel(reader)) as pieces:
                async for data in pieces:
                    reader.mark = reader.mark.moved(data)
                    if piece := writer.text(list(lines(data))):
                        yield piece
                    if writer.full:
                        return
            if reader.over:
                return
        await self._wait(changed, reader)
        if self._connected(reader):
            return
        reader.over = self._is_over(reader)  # before the data: what was written until the end is in it
        fresh = await self._data(reader)
        if later := news(reader.mark, fresh):
            reader.place = None  # what came this way can't be told by offsets
            reader.mark = Mark.at_end(fresh)
            del fresh
            yield writer.text(later)

    async def _through_channel(self, reader: _Reader) -> AsyncGenerator[bytes]:
        """Lines from where the reader is, until the run or the connection has ended; which of both, `reader.over` says."""
        assert reader.place is not None
        uid, name = reader.pod.uid, reader.container
        try:
            async with aclosing(self._channels.log(uid, name, reader.place, follow=True)) as pieces:
                async for data in pieces:
                    yield data
            reader.over = True
        except ChannelLost:
            pass  # it may come back
        except CannotOpen as error:
            # a container that has not begun, or one that was started again more than once since its log was read last
            reader.over = error.reason == NO_LOG and reader.mark != NOTHING

    def _connected(self, reader: _Reader) -> bool:
        return reader.place is not None and self._channels.connected(reader.pod.uid)

    async def _wait(self, changed: asyncio.Event, reader: _Reader) -> None:
        """Until something has happened since `changed` was taken, or it is time to look. One who has read from the job already
        waits for it to come back."""
        comes_back = reader.place is not None and reader.mark != NOTHING
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECONNECT_SECONDS if comes_back else self._live.interval):
                await changed.wait()
                while comes_back and not self._connected(reader) and not self._is_over(reader):
                    await reader.pod.changed.wait()

    def _is_over(self, reader: _Reader) -> bool:
        pod = reader.pod
        if pod.stage is Stage.ENDED or self._table.get(pod.uid) is None:
            return True
        return pod.view is not None and any(
            c.name == reader.container and isinstance(c.state, Terminated)
            for c in (*pod.view.containers, *pod.view.ephemeral)
        )

    async def _beginning(self, reader: _Reader, share: Share) -> bytes:
        """All there is so far."""
        pod, place = reader.pod, LogPlace()
        if pod.stage is not Stage.ENDED and self._channels.connected(pod.uid):
            whole = await self._whole(pod.uid, reader.container, place, share)
            if whole is not None:
                reader.place = place
                return whole
        data = await self._data(reader)
        if data:
            reader.place = None
        return data

    async def _whole(self, uid: str, container: str, place: LogPlace, share: Share) -> bytes | None:
        """What the job has of a log, None if it could not be had."""
        found = bytearray()
        try:
            async with aclosing(self._channels.log(uid, container, place, follow=False)) as pieces:
                async for data in pieces:
                    found += data
                    if not share.hold(len(found)) or len(found) > MOST_LOG_BYTES:
                        return None
        except (ChannelLost, CannotOpen):
            return None
        return bytes(found)

    async def _data(self, reader: _Reader) -> bytes:
        pod = reader.pod
        if pod.stage is Stage.ENDED:
            return await asyncio.to_thread(self._stored, pod.uid, reader.container)
        if pod.ad is None or not pod.ad.has_started:
            return b""
        return await self._live.log(pod, reader.container)

    def _stored(self, uid: str, container: str) -> bytes:
        try:
            return self._store.log_file(uid, container).read_bytes()
        except FileNotFoundError:
            return b""


class _Run(NamedTuple):
    """A run of a container, counted from 0. `waits`: it was the latest, and the container waits to be started again."""

    number: int
    waits: bool


def _ended_last(pod: Pod, container: str) -> _Run | None:
    """The run of a container that ended last and has another behind it, or will have; None: there is none."""
    seen = next((c for c in pod.view.containers if c.name == container), None) if pod.view is not None else None
    if seen is not None and isinstance(seen.state, Waiting) and seen.last is not None and seen.state.reason != CREATING:
        # whatever it waits for: once it is made, the next run has its number
        return _Run(seen.restart_count, waits=True)
    return _Run(seen.restart_count - 1, waits=False) if seen is not None and seen.restart_count > 0 else None


def _name(container: str, run: _Run | None) -> str:
    """What its log is called beside the log of the latest run."""
    return container if run is not None and run.waits else f"{container}.previous"


async def _chosen(data: bytes, options: LogOptions, writer: LogWriter, share: Share) -> AsyncIterator[bytes]:
    """The text that `options` ask for, a piece at a time: others have their turn in between, and the rest is let go first."""
    start = await asyncio.to_thread(tail, data, options.Tail)
    data = data[start:]
    share.hold(len(data))
    now = time.time()
    for piece in pieces(data, 0):
        if writer.full:
            break
        if text := writer.text(after(lines(piece), options, now)):
            yield text
        await asyncio.sleep(0)
    share.hold(0)
