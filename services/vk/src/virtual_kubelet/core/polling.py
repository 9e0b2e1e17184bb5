"""When to ask for states, and whom: often while things change, seldom at rest, in as few calls as the other side takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from interlink.protocol.types import PodStatus

from virtual_kubelet.model.known_pod import KnownPod, Stage

BATCH = 500
"""Pods in one call: decoding the answer then blocks the event loop for some 10 ms only."""
_GROWTH = 1.3
_COST_SHARE = 4.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between the ends and beginnings of polls."""

    minimum: float
    maximum: float

    def next_wait(self, last: float, changed: bool, took: float) -> float:
        """The wait after a poll that `took` seconds; a quarter of the time at most goes into polling."""
        wait = self.minimum if changed else min(self.maximum, last * _GROWTH)
        return max(wait, min(self.maximum, took * _COST_SHARE))


def is_polled(pod: KnownPod) -> bool:
    """Can the other side have news of this pod that matter?"""
    if pod.terminal or pod.gone or pod.deleting or pod.creating:
        return False
    return pod.stage in (Stage.SUBMITTED, Stage.UNSURE)


def is_told(status: PodStatus) -> bool:
    """Does the other side really know this pod? SLURM's plugin answers for unknown ones too, with empty states."""
    states = [entry.get("state") for entry in [*(status.containers or []), *(status.initContainers or [])]]
    return bool(status.JID) or any(isinstance(state, dict) and any(state.values()) for state in states)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
