"""A pod as the outside sees it: every container in exactly one of Kubernetes' three states.

Times are seconds since the epoch. Built by `core.state`, turned into the wire's JSON by `core.container_status`.
"""

from typing import TypeAlias

import msgspec

from condor_sidecar.model.plan import ContainerKind


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """Not started yet; `reason` is one CamelCase word, `message` a sentence."""

    reason: str
    message: str = ""


class Running(msgspec.Struct, frozen=True, tag=True):
    """Started and not known to have ended."""

    started: float


class Terminated(msgspec.Struct, frozen=True, tag=True):
    """Ended; the exit code is always known or said to be unknown in `reason`, never left out (0 would mean success)."""

    exit_code: int
    reason: str
    message: str = ""
    started: float | None = None
    finished: float | None = None
    signal: int | None = None


State: TypeAlias = Waiting | Running | Terminated


class ContainerView(msgspec.Struct, frozen=True):
    """One container and its state; `last` is how it ended before it was started again, or waits to be."""

    name: str
    kind: ContainerKind
    state: State
    image: str = ""
    image_id: str = ""
    restart_count: int = 0
    ready: bool = False
    started_up: bool = False
    last: Terminated | None = None


class Verdict(msgspec.Struct, frozen=True):
    """Why the pod as a whole was ended, whatever its containers made of that: a container that is told to stop may exit with 0."""

    reason: str
    message: str = ""


class PodView(msgspec.Struct, frozen=True):
    """All containers of a pod, in the pod's order (init containers first).

    `ephemeral` are those that were added to it: of its own, by its job's word, and those that may not be started.
    """

    containers: tuple[ContainerView, ...]
    end: Terminated | None = None
    """How the job as a whole ended, where that was decided without the supervisor."""
    verdict: Verdict | None = None
    """The supervisor's, where it ended the pod."""
    ephemeral: tuple[ContainerView, ...] = ()

    @property
    def ended(self) -> bool:
        """Every container has terminated."""
        return all(isinstance(container.state, Terminated) for container in self.containers)
