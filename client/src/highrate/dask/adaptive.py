"""How many workers to ask for, where a worker may wait hours in a batch system's queue before it comes.

Dask's own adaptive mode, and dask-gateway's, expect workers in seconds: they ask for everything at once, and give it back at the
first pause. Here what waits counts as asked for; more is asked for in steps that grow; less only after the need has been small for
a while, first of what still waits, then of what is there; and never more than the site can hold.

Decisions only: who looks, and how often, is in `scheduler_preload`.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Policy:
    """The limits of a cluster, and how patient it is."""

    minimum: int = 0
    maximum: int | None = None
    """None: as many as the site holds."""
    chunk: int = 10
    """How many more are asked for at one look; as many as were asked for already, if those are more."""
    wait_pending: int = 3
    """Looks in a row at which fewer were needed, before workers that wait are let go: their place in the queue goes too."""
    wait_connected: int = 6
    """The same, before workers that are there are let go."""

    def __post_init__(self) -> None:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError(f"the maximum, {self.maximum}, is less than the minimum, {self.minimum}")
        if self.minimum < 0 or self.chunk < 1 or not 1 <= self.wait_pending <= self.wait_connected:
            raise ValueError("adaptive: minimum >= 0, chunk >= 1, and 1 <= wait_pending <= wait_connected")


@dataclass(frozen=True)
class Sight:
    """What is seen at one look."""

    needed: int
    """Workers that the scheduler could use for what it has to do."""
    connected: int
    """Workers that are there."""
    asked: int
    """Workers that were asked for so far, those that are there included."""
    room: int | None = None
    """The most workers that the site can hold, those of this cluster included; None: not known."""


@dataclass(frozen=True)
class Memory:
    """The needs at the latest looks, oldest first, as far as they were all smaller than what was asked for."""

    small_needs: tuple[int, ...] = ()


def decide(policy: Policy, sight: Sight, memory: Memory) -> tuple[int, Memory]:
    """How many workers to ask for from now on, in all, and what to remember until the next look."""
    wanted = _wanted(policy, sight)
    if wanted >= sight.asked:
        step = max(policy.chunk, sight.asked)
        return max(policy.minimum, min(wanted, sight.asked + step)), Memory()
    needs = (*memory.small_needs, wanted)[-policy.wait_connected :]
    if len(needs) >= policy.wait_connected:
        return min(sight.asked, max(needs)), replace(memory, small_needs=needs)
    if len(needs) >= policy.wait_pending:
        most = max(needs[-policy.wait_pending :])
        return min(sight.asked, max(most, sight.connected)), replace(memory, small_needs=needs)
    return sight.asked, replace(memory, small_needs=needs)


def _wanted(policy: Policy, sight: Sight) -> int:
    """What would be asked for if everybody came at once."""
    wanted = sight.needed
    if policy.maximum is not None:
        wanted = min(wanted, policy.maximum)
    if sight.room is not None:
        # room that shrank is no reason to send anybody home who is there and has something to do
        wanted = min(wanted, max(sight.room, sight.connected))
    return max(policy.minimum, wanted)
