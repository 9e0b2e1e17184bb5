"""What has become of a pod, from its status: for decisions, and in words for the person whose worker it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

JsonObject = Mapping[str, Any]
_LONGEST_MESSAGE = 2000

# In the words of containerd, CRI-O, Apptainer and registries, for an image that trying again won't bring.
_NO_SUCH_IMAGE = ("not found", "manifest unknown", "name unknown", "does not exist", "no match for platform")
_NOT_FOR_US = ("unauthorized", "authorization failed", "denied", "authentication required")


class Stage(StrEnum):
    WAITING = "waiting"
    """For a node, an image, or a slot of the batch system."""
    RUNNING = "running"
    ENDED = "ended"
    """Well: what it was to do is done."""
    FAILED = "failed"
    LEAVING = "leaving"
    """Somebody deleted the pod, and it isn't gone yet."""


@dataclass(frozen=True)
class Fate:
    stage: Stage
    reason: str = ""
    """A word, as Kubernetes or the site has it: OOMKilled, JobHeld, Unschedulable."""
    message: str = ""
    """A sentence."""
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        """The pod's program doesn't run and never will again."""
        return self.stage in (Stage.ENDED, Stage.FAILED)


DELETED = Fate(Stage.FAILED, "Deleted", "Its pod was deleted: by somebody, or because its node was emptied.")


def fate(pod: JsonObject) -> Fate:
    """What the pod's status says."""
    status, phase = pod.get("status") or {}, (pod.get("status") or {}).get("phase", "Pending")
    leaving = bool((pod.get("metadata") or {}).get("deletionTimestamp"))
    if phase in ("Succeeded", "Failed"):
        # how its program ended says nothing then: it was told to
        return DELETED if leaving else _ended(status, phase)
    if leaving:
        return Fate(Stage.LEAVING, "Deleted", DELETED.message)
    if phase == "Running":
        return Fate(Stage.RUNNING)
    for waiting in _states(status, "waiting"):
        reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
        if message or reason not in ("", "ContainerCreating", "PodInitializing"):
            return Fate(Stage.WAITING, reason, _short(message))
    return _unscheduled(status)


def hopeless(pod: JsonObject) -> str | None:
    """Why a pod that waits will never run; None while there is hope."""
    status = pod.get("status") or {}
    image = next((str(c.get("image", "")) for c in (pod.get("spec") or {}).get("containers") or ()), "")
    for waiting in _states(status, "waiting"):
        reason, message = waiting.get("reason"), str(waiting.get("message") or "")
        if reason == "InvalidImageName":
            return f'"{image}" is no image reference.'
        if reason == "ErrImageNeverPull":
            return f'The image "{image}" is not on the machine, and images may not be fetched there.'
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            said = message.lower()
            if any(words in said for words in _NO_SUCH_IMAGE):
                return f'There is no image "{image}": check its name and tag.'
            if any(words in said for words in _NOT_FOR_US):
                return f"The image \"{image}\" can't be fetched: its registry doesn't let us, or has no such image."
        if reason in ("CreateContainerConfigError", "CreateContainerError") and "root" in message.lower():
            return f'The image "{image}" insists on running as root, which is not allowed here.'
    return None


def _ended(status: JsonObject, phase: str) -> Fate:
    ended = next(_states(status, "terminated"), {})
    code = ended.get("exitCode")
    if phase == "Succeeded":
        return Fate(Stage.ENDED, "Completed", "It ended by itself, as at the end of its life.", code)
    reason = str(status.get("reason") or ended.get("reason") or "Error")
    message = str(status.get("message") or _last_line(str(ended.get("message") or "")))
    return Fate(Stage.FAILED, reason, _explained(reason, _short(message), code), code)


def _explained(reason: str, message: str, code: object) -> str:
    if reason == "OOMKilled":
        return "It used more memory than it had: give workers more (worker_memory), or smaller pieces of data."
    if reason == "DeadlineExceeded":
        return f"Its wall time was over. {message}".strip()
    if reason == "Evicted":
        return f"Its machine took it off: {message or 'no reason given'}"
    if reason in ("Error", "StartError", "ContainerCannotRun", ""):
        return f"Its program ended with exit code {code}. {message}".strip()
    return message or f"It ended ({reason})."


def _unscheduled(status: JsonObject) -> Fate:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = str(condition.get("message") or "no node was found yet")
            return Fate(Stage.WAITING, str(condition.get("reason") or "Unschedulable"), _short(message))
    return Fate(Stage.WAITING, "Pending", "")


def _states(status: JsonObject, kind: str) -> Iterator[JsonObject]:
    for container in status.get("containerStatuses") or ():
        state = (container.get("state") or {}).get(kind)
        if state:
            yield state


def _last_line(text: str) -> str:
    """Kubernetes gives the end of the log as message; its last line is the error of a traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"...{text[-_LONGEST_MESSAGE:]}"
