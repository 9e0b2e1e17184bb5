"""All connections of jobs, one a pod, and what the rest of the sidecar does with them.

What a job says of its pod goes where every other word of it goes (PodTable): revisions decide which is the newest, and whatever
way it came by, an end is journaled before it is shown.
"""

import hmac
import time
from collections.abc import AsyncGenerator, Iterator, Mapping

import msgspec
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.app.channel import messages
from condor_sidecar.app.channel.connection import CLOSE_BAD, CLOSE_REPLACED, Connection
from condor_sidecar.app.channel.final import FinalRecords
from condor_sidecar.app.channel.job_log import LogPlace, read_log
from condor_sidecar.app.channel.job_stream import ChannelLost, JobStream
from condor_sidecar.app.job_channels import JobFailed, NoChannel, TooLarge
from condor_sidecar.app.pods import Pod, PodTable
from condor_sidecar.core.result import parse_record
from condor_sidecar.core.ticket import ticket
from condor_sidecar.io.journal import JournalError
from condor_sidecar.job.supervisor.channel_protocol import TEXT_LIMIT, BadMessage, encode, signature
from condor_sidecar.model.result import UnreadableResult

UPDATE_SECONDS = 20.0
UNKNOWN_SECONDS = 300.0
"""How long a job of which nobody knows whether it was told of the channel is waited for: five of its longest pauses."""

log = get_logger(__name__)


class UpdateFailed(Exception):
    """Nobody knows whether the job carried an update out; the text says why."""


class Channels:
    """The connections by pod, and the API to them."""

    def __init__(self, table: PodTable, secret: bytes, final: FinalRecords | None = None) -> None:
        self._table, self._secret, self._final = table, secret, final
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """The connections of now."""
        return iter(list(self._connections.values()))

    def connected(self, uid: str) -> bool:
        """Whether the pod's job has a connection."""
        return uid in self._connections

    async def exec(self, uid: str, message: Mapping[str, object]) -> JobStream:
        """Open a stream of type `exec` or `attach` in the pod's job; `message` has the fields of channel_protocol, without
        `stream`. Raises NoChannel, ChannelLost where the job has no connection, CannotOpen."""
        fields = {name: value for name, value in message.items() if name != "type"}
        return await self._connection(uid).open(str(message["type"]), **fields)

    async def update(self, uid: str, **fields: object) -> None:
        """Send the pod an update, with the fields of channel_protocol; what is left out stays as it is. Raises NoChannel,
        ChannelLost, UpdateFailed, TooLarge, JobFailed."""
        if len(encode("update", number=0, **fields)) > TEXT_LIMIT // 2:
            raise TooLarge(f"the volumes of files have more than {TEXT_LIMIT // 2 >> 20} MiB in base64: mount less")
        try:
            problem = await self._connection(uid).update(UPDATE_SECONDS, **fields)
        except TimeoutError as error:
            raise UpdateFailed(f"the job did not answer within {UPDATE_SECONDS:.0f} s") from error
        if problem:
            raise JobFailed(problem)

    async def stop(self, uid: str, grace_seconds: int) -> None:
        """End the pod within so many seconds, or sooner if it ends already. Raises NoChannel, ChannelLost."""
        await self._connection(uid).send(encode("stop", grace_seconds=grace_seconds))

    async def log(self, uid: str, container: str, place: LogPlace, *, follow: bool) -> AsyncGenerator[bytes]:
        """A container's log from `place` on, in pieces of whole CRI lines; `place` moves along, so that a reader can go on
        there. With `follow` until the run has ended. Raises NoChannel, CannotOpen, ChannelLost."""
        async for piece in read_log(self._connection(uid), container, place, follow=follow):
            yield piece

    def _connection(self, uid: str) -> Connection:
        connection = self._connections.get(uid)
        if connection is None:
            pod = self._table.get(uid)
            if pod is not None and not self._may_come(pod):
                made = "was made" if pod.record.channel is False else "has never connected: it may have been made"
                raise NoChannel(
                    f"the pod's job {made} while this site had no job channel, so it can't be reached; a new pod can be"
                )
            raise ChannelLost("the pod's job is not connected to the job channel")
        return connection

    def _may_come(self, pod: Pod) -> bool:
        """Whether a job without a connection was told of the channel, or may have been."""
        if pod.record.channel is not None:
            return pod.record.channel
        began = (pod.ad.started or pod.ad.first_started) if pod.ad is not None else None
        has_run = self._table.now() - began if began else 0.0
        return min(has_run, time.monotonic() - pod.added) < UNKNOWN_SECONDS

    async def serve(self, connection: Connection) -> None:
        """Carry a connection that was just made, until it ends."""
        pod, why = connection.pod, "it was cut"
        try:
            await connection.greet()
            await self._replace(connection)
            log.info("channel.connected", pod_uid=pod.uid)
            await self._tell_of_delete(connection)
            await connection.carry()
        except ChannelLost as error:
            why = str(error)
        except BadMessage as error:
            metrics.CHANNEL_REFUSALS.labels("bad_message").inc()
            why = f"bad message: {str(error)[:300]}"
            await connection.refuse(CLOSE_BAD, str(error))
        finally:
            log.info("channel.lost", pod_uid=pod.uid, reason=why)
            connection.abort()
            if self._connections.get(pod.uid) is connection:
                del self._connections[pod.uid]
                pod.connected, pod.seen_connected = False, time.monotonic()
                metrics.CHANNELS.set(len(self._connections))
                pod.touch()

    async def _replace(self, connection: Connection) -> None:
        """The pod's newest connection is the one that counts."""
        pod = connection.pod
        older = self._connections.get(pod.uid)
        self._connections[pod.uid] = connection
        pod.connected = True
        metrics.CHANNELS.set(len(self._connections))
        pod.touch()
        if not pod.record.channel:
            pod.record = msgspec.structs.replace(pod.record, channel=True)
            await self._remember(pod)
        if older is not None:
            log.info("channel.replaced", pod_uid=pod.uid)
            await older.refuse(CLOSE_REPLACED, "the job has made another connection")

    async def _tell_of_delete(self, connection: Connection) -> None:
        """Nobody knows whether it was heard over the connection before. Raises ChannelLost."""
        stone = self._table.tombstones.get(connection.pod.uid)
        if stone is not None and stone.grace_seconds is not None:
            left = stone.accepted_at + stone.grace_seconds - time.time()
            await connection.send(encode("stop", grace_seconds=max(0, int(left))))

    async def _remember(self, pod: Pod) -> None:
        """That the pod's job has a channel is known after the next start, too."""
        try:
            await self._table.journal.update([pod.record])
        except JournalError as error:
            log.warning("channel.not_journaled", pod_uid=pod.uid, reason=str(error))

    def take_state(self, connection: Connection, message: messages.State) -> None:
        """A record of a pod. Raises BadMessage."""
        pod = connection.pod
        expected = signature(ticket(self._secret, pod.uid), message.record)
        if not hmac.compare_digest(expected.encode(), message.signature.encode()):
            raise BadMessage("the record isn't signed with the pod's ticket")
        try:
            record = parse_record(message.record.encode())
        except UnreadableResult as error:
            raise BadMessage(str(error)) from error
        if self._table.get(pod.uid) is not pod:
            raise BadMessage("the pod was deleted")
        self._table.take_record(pod, record)
        self._table.show(pod)
        if record.ended and self._final is not None:
            self._final.take(pod, record, connection)

    def close_all(self) -> None:
        """The service ends: jobs connect to its successor."""
        for connection in list(self._connections.values()):
            connection.abort()
