"""A pod's view as interLink's status message: Kubernetes ContainerStatus objects, in the pod's order."""

import datetime
import hashlib
from typing import Any

from interlink.protocol.types import PodStatus
from msgspec import UNSET

from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import ContainerView, PodView, Running, State, Terminated, Waiting


def pod_status(uid: str, namespace: str, name: str, jid: str, view: PodView) -> PodStatus:
    """The status of one pod; both lists are always complete (an empty one would mean "succeeded" to the Go peer)."""
    mains = [c for c in view.containers if c.kind is ContainerKind.MAIN]
    inits = [c for c in view.containers if c.kind is not ContainerKind.MAIN]
    added = [_container_status(uid, container) for container in view.ephemeral]
    return PodStatus(
        name=name,
        UID=uid,
        namespace=namespace,
        JID=jid,
        containers=[_container_status(uid, container) for container in mains],
        initContainers=[_container_status(uid, container) for container in inits],
        ephemeralContainers=added or UNSET,
    )


def _container_status(uid: str, container: ContainerView) -> dict[str, Any]:
    state = container.state
    init_done = container.kind is ContainerKind.INIT and isinstance(state, Terminated) and state.exit_code == 0
    status = {
        "name": container.name,
        "state": _state(state),
        "lastState": {} if container.last is None else _state(container.last),
        "ready": init_done or (container.ready and container.kind is not ContainerKind.INIT),
        "started": container.started_up,
        "restartCount": container.restart_count,
        "image": container.image,
        "imageID": container.image_id,
    }
    ended_unstarted = isinstance(state, Terminated) and not state.started
    if not (isinstance(state, Waiting) and container.last is None) and not ended_unstarted:
        status["containerID"] = _identity(uid, container)
    return status


def _identity(uid: str, container: ContainerView) -> str:
    """A name for this run of the container that no other has; in the form that all of Kubernetes expects."""
    run = f"{uid}/{container.name}/{container.restart_count}"
    return f"apptainer://{hashlib.sha256(run.encode()).hexdigest()}"


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
