"""A pod's view as interLink's status message: Kubernetes ContainerStatus objects, in the pod's order."""

import datetime
from typing import Any

from interlink.protocol.types import PodStatus

from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import ContainerView, PodView, Running, State, Terminated, Waiting


def pod_status(uid: str, namespace: str, name: str, jid: str, view: PodView) -> PodStatus:
    """The status of one pod; both lists are always complete (an empty one would mean "succeeded" to the Go peer)."""
    statuses: dict[ContainerKind, list[dict[str, Any]]] = {kind: [] for kind in ContainerKind}
    for container in view.containers:
        statuses[container.kind].append(_container_status(container))
    return PodStatus(
        name=name,
        UID=uid,
        namespace=namespace,
        JID=jid,
        containers=statuses[ContainerKind.MAIN],
        initContainers=statuses[ContainerKind.INIT],
    )


def _container_status(container: ContainerView) -> dict[str, Any]:
    state = container.state
    init_done = container.kind is ContainerKind.INIT and isinstance(state, Terminated) and state.exit_code == 0
    running = isinstance(state, Running)
    return {
        "name": container.name,
        "state": _state(state),
        "lastState": {},
        "ready": init_done or (running and container.kind is ContainerKind.MAIN),
        "started": running,
        "restartCount": 0,
        "image": container.image,
        "imageID": container.image_id,
    }


def _state(state: State) -> dict[str, Any]:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}
        case Running(started):
            return {"running": {"startedAt": rfc3339(started)}}
    ended: dict[str, Any] = {"exitCode": state.exit_code, "reason": state.reason}
    if state.message:
        ended["message"] = state.message
    if state.signal:
        ended["signal"] = state.signal
    # Kubernetes' API requires both times; a container that never started has the zero time
    ended["startedAt"] = rfc3339(state.started) if state.started else None
    ended["finishedAt"] = rfc3339(state.finished) if state.finished else None
    return {"terminated": ended}


def rfc3339(seconds: float) -> str:
    """The moment as Kubernetes writes it."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
