"""What was shown once is kept: ends are final, and a running container doesn't go back to waiting.

The Kubernetes API refuses a container that comes back from terminated (restartPolicy Never), and users would see pods
flap with every late query.
"""

from condor_sidecar.model.pod_view import ContainerView, PodView, Running, Terminated, Waiting


def latch(shown: PodView | None, seen: PodView) -> PodView:
    """`seen`, but for containers whose shown state is further on."""
    if shown is None:
        return seen
    before = {container.name: container for container in shown.containers}
    return PodView(tuple(_later(before.get(container.name), container) for container in seen.containers), seen.end)


def _later(shown: ContainerView | None, seen: ContainerView) -> ContainerView:
    if shown is None:
        return seen
    if isinstance(shown.state, Terminated):
        return shown
    if isinstance(shown.state, Running) and isinstance(seen.state, Waiting | Running):
        # the first known start stays: a later guess of it must not move
        return shown
    return seen
