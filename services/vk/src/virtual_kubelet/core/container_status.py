"""One container's status: what a plugin said, made into what the API server takes, and never back from an end.

Plugins differ: they leave out containers, send `state: {}`, `terminated` without an exit code, times in the wrong form. Nothing of
that may end a pod, or make the API server refuse the status of the whole pod (its rule: a container may leave `terminated` only
where its restart policy lets it run again).
"""

from typing import Any

from virtual_kubelet.core.timestamp import normal_time
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

INITIALIZING = "PodInitializing"
CREATING = "ContainerCreating"
ON_ITS_WAY = frozenset({CREATING, "Queued", "Pending", "Staging"})
"""Reasons of a container whose job is on its way; of an init container a kubelet tells none of that."""
ON_A_MACHINE = frozenset(
    {
        "ContainerCreating",
        "PodInitializing",
        "ErrImagePull",
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    }
)
"""A plugin's reasons for a container to wait that it can't have before its pod's job has a place."""
UNKNOWN_END = "ContainerStatusUnknown"  # the kubelet's word for an end that nobody saw
UNKNOWN_EXIT_CODE = 137
MESSAGE_LIMIT = 4096


def container_status(
    container: JsonObject,
    old: JsonObject | None,
    reported: JsonObject | None,
    pod_policy: str,
    *,
    init: bool = False,
    blocked: bool = False,
) -> JsonObject:
    """The next status of `container`: `old` is the one shown now, `reported` the plugin's.

    `pod_policy` is the pod's restartPolicy. `init`: this is an init container. `blocked`: init containers are still to be
    done, so it can't run yet.
    """
    old = old or _first(container, blocked or init)
    state = _state(reported, old)
    if state is None or reported is None or (_ended(old) and not _may_leave(container, old, reported, pod_policy)):
        return old
    waiting = state.get("waiting") or {}
    if (blocked and "terminated" not in state) or (init and waiting.get("reason") in ON_ITS_WAY):
        state = {"waiting": {**waiting, "reason": INITIALIZING}}
    status: JsonObject = {
        "name": container["name"],
        "image": reported.get("image") or old.get("image") or container.get("image", ""),
        "imageID": reported.get("imageID") or old.get("imageID", ""),
        "restartCount": max(_count(reported), _count(old)),
        "state": state,
        "lastState": _last_state(old, reported, state),
        "ready": _ready(state, reported, init and not pods.is_sidecar(container)),
        "started": "running" in state and reported.get("started") is not False,
    }
    identity = _identity(reported.get("containerID")) or old.get("containerID")
    if identity:
        status["containerID"] = identity
    return status


def left_waiting(reported: JsonObject | None) -> JsonObject | None:
    """What was reported of a container behind a failed init container, of a pod that does not restart.

    Such a container never runs. A kubelet leaves it waiting; plugins may end it, and their words are kept.
    """
    state = (reported or {}).get("state")
    end = state.get("terminated") if isinstance(state, dict) else None
    if reported is None or not isinstance(end, dict) or end.get("startedAt"):
        return reported
    waiting = {"reason": INITIALIZING} | ({"message": end["message"]} if end.get("message") else {})
    return reported | {"state": {"waiting": waiting}}


def waiting_status(container: JsonObject, reason: str, message: str) -> JsonObject:
    """A container that has not begun, and why."""
    waiting = {"reason": reason} | ({"message": message[:MESSAGE_LIMIT]} if message else {})
    return _bare(container) | {"state": {"waiting": waiting}}


def ended_status(container: JsonObject, old: JsonObject | None, code: int, reason: str, message: str) -> JsonObject:
    """A container that ended without the plugin's word; one that had ended before stays as it was."""
    if old is not None and _ended(old):
        return old
    since = ((old or {}).get("state", {}).get("running") or {}).get("startedAt")
    end = {
        "exitCode": code,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "startedAt": since,
        "finishedAt": None,
    }
    return (old or _bare(container)) | {"state": {"terminated": end}, "ready": False, "started": False}


def _bare(container: JsonObject) -> JsonObject:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "restartCount": 0,
        "state": {},
        "lastState": {},
        "ready": False,
        "started": False,
    }


def _first(container: JsonObject, blocked: bool) -> JsonObject:
    return waiting_status(container, INITIALIZING if blocked else CREATING, "")


def _ended(status: JsonObject) -> bool:
    return "terminated" in (status.get("state") or {})


def _may_leave(container: JsonObject, old: JsonObject, reported: JsonObject, pod_policy: str) -> bool:
    """May an ended container be shown running or waiting again, or ended another time? Only if it was really restarted, or waits
    to be, with this end at its side."""
    if _count(reported) <= _count(old) and not _waits_again(reported, old):
        return False
    if pods.is_sidecar(container) or pod_policy == "Always":
        return True
    return pod_policy == "OnFailure" and old["state"]["terminated"].get("exitCode") != 0


def _waits_again(reported: JsonObject, old: JsonObject) -> bool:
    state, last = reported.get("state"), reported.get("lastState")
    if not (isinstance(state, dict) and isinstance(state.get("waiting"), dict) and isinstance(last, dict)):
        return False
    ended = last.get("terminated")
    return isinstance(ended, dict) and ended.get("exitCode") == old["state"]["terminated"].get("exitCode")


def _state(reported: JsonObject | None, old: JsonObject) -> JsonObject | None:
    """The reported state in the API's form; None if the plugin said nothing that can be understood."""
    given = (reported or {}).get("state")
    if not isinstance(given, dict):
        return None
    named = {key: value for key, value in given.items() if isinstance(value, dict)}
    if len(named) != 1:
        return None
    ((kind, value),) = named.items()
    began = ((old.get("state") or {}).get("running") or {}).get("startedAt")
    return _normalised(kind, value, began)


def _normalised(kind: str, value: JsonObject, began: str | None = None) -> JsonObject | None:
    text = {key: str(value[key])[:MESSAGE_LIMIT] for key in ("reason", "message") if value.get(key)}
    if kind == "waiting":
        return {"waiting": {"reason": CREATING} | text}
    if kind == "running":
        return {"running": {"startedAt": normal_time(value.get("startedAt")) or began}}
    if kind != "terminated":
        return None
    return {"terminated": _terminated(value, text, began)}


def _terminated(value: JsonObject, text: dict[str, str], began: str | None) -> JsonObject:
    code = value.get("exitCode")
    made: JsonObject
    if isinstance(code, int) and not isinstance(code, bool):
        made = {"exitCode": code, "reason": "Completed" if code == 0 else "Error"} | text
    else:
        unknown = "the site reported the end of this container without an exit code"
        made = {"exitCode": UNKNOWN_EXIT_CODE, "reason": UNKNOWN_END, "message": unknown} | text
    if isinstance(value.get("signal"), int) and value["signal"]:
        made["signal"] = value["signal"]
    # null times are written out, because that is how the API server shows them: else every comparison would differ
    made["startedAt"] = normal_time(value.get("startedAt")) or began
    made["finishedAt"] = normal_time(value.get("finishedAt"))
    return made


def _last_state(old: JsonObject, reported: JsonObject, state: JsonObject) -> JsonObject:
    given = {k: v for k, v in (reported.get("lastState") or {}).items() if isinstance(v, dict)}
    if len(given) == 1:
        ((kind, value),) = given.items()
        made = _normalised(kind, value)
        if made is not None:
            return made
    if _ended(old) and "terminated" not in state:
        ended: JsonObject = old["state"]
        return ended
    return old.get("lastState") or {}


def _ready(state: JsonObject, reported: JsonObject, must_end: bool) -> bool:
    if "running" in state:
        return reported.get("ready") is not False  # a minimal plugin has no such key
    return must_end and state.get("terminated", {}).get("exitCode") == 0


def _count(status: JsonObject) -> int:
    count: Any = status.get("restartCount")
    return count if isinstance(count, int) and count > 0 else 0


def _identity(value: object) -> str | None:
    """A containerID must have the form `<type>://<id>`."""
    return value if isinstance(value, str) and "://" in value else None
