"""Reads a container's log over a job's connection, from wherever a reader is."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from condor_sidecar.app.channel.connection import Connection
from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost
from condor_sidecar.job.supervisor.channel_logs import LATEST, NEXT
from condor_sidecar.job.supervisor.channel_protocol import LOG


@dataclass(slots=True)
class LogPlace:
    """Where a reader is: which run's log it reads (LATEST or PREVIOUS before the first look), and from which offset on."""

    restart: int = LATEST
    offset: int = 0


async def read_log(connection: Connection, container: str, place: LogPlace, *, follow: bool) -> AsyncGenerator[bytes]:
    """The log from `place` on, in pieces of whole CRI lines; `place` moves along before each is given, so that a reader can go
    on there. With `follow` until the run has ended. Raises CannotOpen, ChannelLost."""
    stream = await connection.open(
        "log", container=container, restart=place.restart, offset=place.offset, follow=follow
    )
    async with stream:
        if stream.restart is not None:
            place.restart = stream.restart
        while (piece := await stream.read()) is not None:
            kind, data = piece
            if kind != LOG or len(data) < NEXT.size:
                raise ChannelLost("the job sent something else than a log")
            (place.offset,) = NEXT.unpack_from(data)
            yield data[NEXT.size :]
        if stream.ended is not None and stream.ended.reason:
            raise CannotOpen(stream.ended.reason, stream.ended.message)
