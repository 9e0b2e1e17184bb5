"""Jobs at the far end of the job channel that understand a few commands: what the sidecar's commands are tested with."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from condor_sidecar.app.channel.job_stream import CannotOpen, ChannelLost, JobStream, StreamEnd
from condor_sidecar.job.supervisor.channel_protocol import PIECE, STDERR, STDOUT, WINDOW, unpack

SHOUTED = 64 * WINDOW


@dataclass
class FakeCommand:
    """`cat`, `say` (its arguments, the last one as an error), `exit N`, `shout` (SHOUTED bytes), `hang` (reads nothing)."""

    message: Mapping[str, Any]
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.stream = JobStream(1, self.take, lambda number: None)
        self._granted = WINDOW
        self._unread = b""
        self._over = False

    @property
    def stands_still(self) -> bool:
        """It has more to say than it was granted."""
        return len(self._unread) > 0 and self._granted < PIECE

    def start(self) -> None:
        words = self.message.get("command", [])
        if words[:1] == ["say"]:
            self.stream.take(STDOUT, words[1].encode())
            self.stream.take(STDERR, words[2].encode())
            self.stream.take_end(StreamEnd(0))
        elif words[:1] == ["exit"]:
            self.stream.take_end(StreamEnd(int(words[1])))
        elif words == ["shout"]:
            self._unread = bytes(SHOUTED)
            self._echo()
        elif words == ["nope"]:
            raise CannotOpen("CannotStart", 'exec: "nope": executable file not found in $PATH')

    async def take(self, message: str | bytes) -> None:
        """What the sidecar sends to the job."""
        if self.stream.ended:
            return
        if isinstance(message, bytes):
            _, _, data = unpack(message)
            if self.message.get("command") != ["hang"]:
                self._unread += data
                self.stream.take_credit(len(data))
        else:
            self._obey(json.loads(message))
        self._echo()

    def _obey(self, order: dict[str, Any]) -> None:
        if order["type"] == "credit":
            self._granted += order["bytes"]
        elif order["type"] == "resize":
            self.sizes.append((order["width"], order["height"]))
        elif order["type"] == "eof":
            self._over = True
        elif order["type"] == "close":
            self.closed.set()

    def _echo(self) -> None:
        while self._unread and self._granted >= min(PIECE, len(self._unread)):
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            self._granted -= len(piece)
            self.sent += len(piece)
            self.stream.take(STDOUT, piece)
        if self._over and not self._unread:
            self.stream.take_end(StreamEnd(0))


@dataclass
class FakeChannels:
    """The job of the pod `uid` is connected, others' are not."""

    uid: str = "uid"
    refusal: Exception | None = None
    """What everybody is refused with before there is a connection."""
    commands: list[FakeCommand] = field(default_factory=list)

    async def exec(self, uid: str, message: Mapping[str, object]) -> JobStream:
        if uid != self.uid:
            raise ChannelLost("the pod's job is not connected to the job channel")
        command = FakeCommand(message)
        command.start()
        self.commands.append(command)
        return command.stream
