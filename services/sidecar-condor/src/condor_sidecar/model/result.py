"""What a job says about its pod: the states of its containers and their logs, whichever way they came back.

Three ways carry the same record: `out.tar` at the end (the last word), framed lines on the supervisor's standard
output while it runs, and the compact `ChirpIL` job attribute. `condor_sidecar.core.result` and `compact_record` read
them into these types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from condor_sidecar.model.plan import ContainerKind

PREVIOUS: Final = ".previous"
"""Follows a container's name in the name of the log of the run before the latest one; a container's name has no dot."""


class ContainerState(StrEnum):
    """A container's state in Kubernetes' words."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


class JobPhase(StrEnum):
    """Where the supervisor is with the pod."""

    STARTING = "starting"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EarlierEnd:
    """How a container that was started again had ended."""

    exit_code: int
    reason: str
    message: str = ""
    signal: int | None = None
    started: str | None = None
    finished: str | None = None


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """Something that a kubelet would write an event about. `number` counts a pod's events, from 1; `kind` is Normal or Warning."""

    number: int
    time: str
    kind: str
    reason: str
    message: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class ContainerResult:
    """One container. Times are RFC 3339 in UTC; `exit_code` is set exactly when the state is terminated.

    A container that was killed by a signal has `signal` and the exit code 128 + signal. In a result whose phase is
    `ended`, a container that is still waiting never started and never will: an earlier init container failed, or the
    pod was ended first.
    """

    name: str
    kind: ContainerKind
    state: ContainerState = ContainerState.WAITING
    started: str | None = None
    finished: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    message: str = ""
    image: str = ""
    image_id: str = ""
    restart_count: int = 0
    ready: bool = False
    started_up: bool = False
    last: EarlierEnd | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """The pod as its supervisor sees it.

    `reason` and `message` are set when something ended the pod as a whole (`DeadlineExceeded`, `Terminated`,
    `Evicted`) or kept it from starting. `revision` grows with every change, so that of two results the one with the
    higher revision is newer. `logs` maps a container's name to its latest run's lines in CRI format, the name with
    PREVIOUS to those of the run before; a streamed log can end early (a size cap), the one in `out.tar` then has the rest.
    `events` are the latest few.
    """

    phase: JobPhase
    containers: tuple[ContainerResult, ...]
    revision: int = 0
    reason: str = ""
    message: str = ""
    host: str = ""
    address: str = ""
    logs: Mapping[str, bytes] = field(default_factory=dict)
    events: tuple[SiteEvent, ...] = ()

    @property
    def ended(self) -> bool:
        """The supervisor's final record: nothing more will come."""
        return self.phase is JobPhase.ENDED


class UnreadableResult(Exception):
    """What came back from a job isn't what a supervisor writes; the text says what is wrong with it."""
