"""A container's log as an HTTP body: finished, running, or followed until it ends."""

import asyncio
import time
from collections.abc import AsyncIterator

from interlink.protocol.errors import NotNow, Rejected
from interlink.protocol.types import LogRequest

from condor_sidecar.app.live import LiveLogs
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.log_follow import Mark, news
from condor_sidecar.core.log_lines import LogWriter, after, last, lines
from condor_sidecar.core.state import Stage
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.model.pod_view import Terminated
from condor_sidecar.model.result import PREVIOUS


class LogStreams:
    """Opens logs by the wire's requests."""

    def __init__(self, table: PodTable, live: LiveLogs, store: OutputStore) -> None:
        self._table = table
        self._live = live
        self._store = store

    def find(self, request: LogRequest) -> Pod:
        """The pod of a log request that can be served. Raises Rejected (400) or NotNow (404)."""
        pod = self._table.get(request.PodUID)
        if pod is None:
            raise NotNow(f"pod {request.PodName} (UID {request.PodUID}) is not known here", http_status=404)
        names = [container.name for container in pod.record.containers]
        if request.ContainerName not in names:
            raise Rejected(
                [f"container {request.ContainerName} is not in pod {request.PodName} ({', '.join(names)})"], 400
            )
        if request.Opts.Previous and not self._has_ended_before(pod, request.ContainerName):
            raise NotNow(
                f'previous terminated container "{request.ContainerName}" in pod "{request.PodName}" not found',
                http_status=404,
            )
        return pod

    def _has_ended_before(self, pod: Pod, container: str) -> bool:
        views = pod.view.containers if pod.view is not None else ()
        return any(view.name == container and view.last is not None for view in views)

    async def read(self, pod: Pod, request: LogRequest) -> AsyncIterator[bytes]:
        """The text that was asked for, in pieces; with Follow until the container has ended."""
        options = request.Opts
        writer = LogWriter(options)
        container = request.ContainerName
        over = options.Previous or self._is_over(pod, container)
        container += PREVIOUS if options.Previous else ""
        data = await self._data(pod, container)
        piece = writer.text(last(after(lines(data), options, time.time()), options.Tail))
        mark = Mark.at_end(data)
        del data  # a follower lives long
        if piece:
            yield piece
        del piece
        while options.Follow and not over and not writer.full:
            changed = pod.changed
            try:
                async with asyncio.timeout(self._live.interval):
                    await changed.wait()
            except TimeoutError:
                pass
            over = self._is_over(pod, container)  # before the data: what was written until the end is in it
            fresh = await self._data(pod, container)
            piece = writer.text(news(mark, fresh))
            mark = Mark.at_end(fresh) if fresh else mark
            del fresh
            if piece:
                yield piece
            del piece

    def _is_over(self, pod: Pod, container: str) -> bool:
        if pod.stage is Stage.ENDED or self._table.get(pod.uid) is None:
            return True
        return pod.view is not None and any(
            c.name == container and isinstance(c.state, Terminated) for c in pod.view.containers
        )

    async def _data(self, pod: Pod, container: str) -> bytes:
        if pod.stage is Stage.ENDED:
            return await asyncio.to_thread(self._stored, pod.uid, container)
        if pod.ad is None or not pod.ad.has_started:
            return b""
        return await self._live.log(pod, container)

    def _stored(self, uid: str, container: str) -> bytes:
        try:
            return self._store.log_file(uid, container).read_bytes()
        except FileNotFoundError:
            return b""
