"""What was shown once is kept: a container's run goes from waiting to running to its end, and never back.

The Kubernetes API refuses a container that comes back from terminated (restartPolicy Never), and users would see pods
flap with every late query. A container that is started again shows it by its count of restarts; between two runs it waits, with the
end of the one before at its side.
"""

import msgspec

from condor_sidecar.model.pod_view import ContainerView, PodView, Running, Terminated, Waiting


def latch(shown: PodView | None, seen: PodView) -> PodView:
    """`seen`, but for containers whose shown state is further on."""
    if shown is None:
        return seen
    if shown.ended:
        return msgspec.structs.replace(shown, end=shown.end or seen.end)
    before = {container.name: container for container in shown.containers}
    return PodView(tuple(_later(before.get(container.name), container) for container in seen.containers), seen.end)


def _later(shown: ContainerView | None, seen: ContainerView) -> ContainerView:
    if shown is None or seen.restart_count > shown.restart_count:
        return seen
    if seen.restart_count < shown.restart_count:
        return shown
    if isinstance(shown.state, Terminated):
        return seen if seen.waits_again else shown
    if shown.waits_again:
        return seen if seen.waits_again or isinstance(seen.state, Terminated) else shown
    if isinstance(shown.state, Running) and isinstance(seen.state, Running):
        # the first known start stays: a later guess of it must not move
        return msgspec.structs.replace(seen, state=shown.state)
    if isinstance(shown.state, Running) and isinstance(seen.state, Waiting):
        return seen if seen.waits_again else shown
    return seen
