"""What jobs say, checked: a user's code ran beside the supervisor, so no field is taken for granted."""

from collections.abc import Collection
from typing import Annotated

import msgspec

from condor_sidecar.job.supervisor.channel_protocol import BadMessage

CpuSeconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
"""Thirty years; as nanoseconds, what 64 bits hold."""
Moment = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since 1970, up to what a date can have."""
Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]


class Hello(msgspec.Struct):
    """The first message of a connection."""

    version: int
    uid: str


class State(msgspec.Struct):
    """The pod's record as text, and what shows that its supervisor wrote it."""

    record: str
    signature: str


class ContainerUsage(msgspec.Struct, frozen=True):
    """What a container uses: seconds of CPU time so far, bytes of memory now."""

    name: str
    cpu_seconds: CpuSeconds
    memory_bytes: Bytes


class Usage(msgspec.Struct, frozen=True):
    """What the containers that run use, at a moment (seconds since 1970, the worker's clock)."""

    time: Moment
    containers: tuple[ContainerUsage, ...]

    def of(self, names: Collection[str]) -> "Usage":
        """That of these containers, each once."""
        own = {each.name: each for each in self.containers if each.name in names}
        return Usage(self.time, tuple(own.values()))


class Opened(msgspec.Struct):
    """A stream is there."""

    stream: int
    restart: int | None = None


class End(msgspec.Struct):
    """A stream has ended."""

    stream: int
    code: int | None = None
    reason: str = ""
    message: str = ""


class Credit(msgspec.Struct):
    """A stream takes more bytes."""

    stream: int
    bytes: Bytes


class Updated(msgspec.Struct):
    """An update was carried out, or not and why."""

    number: int
    problem: str = ""


Message = Hello | State | Usage | Opened | End | Credit | Updated
_KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "state": State,
    "usage": Usage,
    "opened": Opened,
    "end": End,
    "credit": Credit,
    "updated": Updated,
}


class _Head(msgspec.Struct):
    type: str


def read(text: str) -> Message | None:
    """The message; None for one of a kind that a later version may have. Raises BadMessage."""
    try:
        kind = _KINDS.get(msgspec.json.decode(text, type=_Head).type)
        return None if kind is None else msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMessage(f"not a message of a job: {error}") from error
