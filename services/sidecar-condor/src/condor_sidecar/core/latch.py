"""What was shown once is kept: a container's run goes from waiting to running to its end, and never back.

The Kubernetes API refuses a container that comes back from terminated (restartPolicy Never), and users would see pods
flap with every late query. A container that is started again shows it by its count of restarts; between two runs it waits, with the
end of the one before at its side.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from condor_sidecar.model.pod_view import ContainerView, PodView, Running, Terminated

CREATING = "ContainerCreating"


def latch(shown: PodView | None, seen: PodView) -> PodView:
    """`seen`, but for containers whose shown state is further on."""
    if shown is None:
        return seen
    if shown.ended:
        return msgspec.structs.replace(shown, end=shown.end or seen.end, verdict=shown.verdict or seen.verdict)
    added = {container.name: container for container in (*shown.ephemeral, *seen.ephemeral)}
    seen_added = {container.name: container for container in seen.ephemeral}
    return PodView(
        _latched(shown.containers, seen.containers, seen.ended),
        seen.end,
        seen.verdict,
        # not every way by which a record comes names those that were added
        _latched(shown.ephemeral, [seen_added.get(name, container) for name, container in added.items()], seen.ended),
    )


def _latched(
    shown: Iterable[ContainerView], seen: Iterable[ContainerView], pod_ended: bool
) -> tuple[ContainerView, ...]:
    before = {container.name: container for container in shown}
    return tuple(_later(before.get(container.name), container, pod_ended) for container in seen)


class _Stage(StrEnum):
    """Where a container is in one run."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    WAITING_AGAIN = "waiting again"
    MADE_AGAIN = "made again"  # its number is that of the run that comes


_MAY_FOLLOW = {
    _Stage.WAITING: frozenset(_Stage),
    _Stage.RUNNING: frozenset({_Stage.ENDED, _Stage.WAITING_AGAIN}),
    _Stage.ENDED: frozenset({_Stage.WAITING_AGAIN}),
    # a pod may end before the container is started again: then its last end is its end
    _Stage.WAITING_AGAIN: frozenset({_Stage.WAITING_AGAIN, _Stage.ENDED}),
    _Stage.MADE_AGAIN: frozenset({_Stage.MADE_AGAIN, _Stage.RUNNING, _Stage.ENDED, _Stage.WAITING_AGAIN}),
}


def _stage(container: ContainerView) -> _Stage:
    match container.state:
        case Running():
            return _Stage.RUNNING
        case Terminated():
            return _Stage.ENDED
    if container.last is None:
        return _Stage.WAITING
    return _Stage.MADE_AGAIN if container.state.reason == CREATING else _Stage.WAITING_AGAIN


def _later(shown: ContainerView | None, seen: ContainerView, pod_ended: bool) -> ContainerView:
    if shown is None or seen.restart_count > shown.restart_count:
        return seen
    if seen.restart_count < shown.restart_count:
        # what ended the pod may know less of its restarts than its job told
        return _ended_in(shown, seen) if pod_ended else shown
    before, now = _stage(shown), _stage(seen)
    if before is now is _Stage.RUNNING:
        # the first known start stays: a later guess of it must not move
        return msgspec.structs.replace(seen, state=shown.state)
    return seen if now in _MAY_FOLLOW[before] else shown


def _ended_in(shown: ContainerView, seen: ContainerView) -> ContainerView:
    """The shown run with the end that is seen of an earlier one, or of none."""
    if isinstance(shown.state, Terminated):
        return shown
    return msgspec.structs.replace(shown, state=seen.state, ready=seen.ready, started_up=seen.started_up)
