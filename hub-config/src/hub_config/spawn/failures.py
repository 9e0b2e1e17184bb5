"""What is wrong with a start, in words for the person who waits: from a pod's status, its events, an API server's refusal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# In the words of containerd, CRI-O and registries, for an image that trying again won't bring.
_NO_SUCH_IMAGE = ("not found", "manifest unknown", "name unknown", "does not exist", "no match for platform")
# In containerd's words, where the kubelet tries again: a node with too much to do. The name is reserved by the try before.
_BUSY = ("context deadline exceeded", "failed to reserve container name")
_NOT_FOR_US = ("unauthorized", "authorization failed", "denied", "authentication required")


def hopeless(pod: Mapping[str, Any]) -> str | None:
    """Why a pod (as JSON) that isn't running yet will never be; None while there is hope."""
    for container in _containers(pod):
        state, image = container.get("state") or {}, container.get("image", "")
        if state.get("waiting"):
            reason, message = _waiting(state["waiting"])
            sentence = None if _is_busy(reason, message) else _waits(image, reason, message)
        else:
            sentence = _ended(image, state["terminated"]) if state.get("terminated") else None
        if sentence:
            return sentence
    return None


def overdue(pod: Mapping[str, Any]) -> str | None:
    """What a pod (as JSON) has waited for that long that there is little hope left; None if it's nothing that has a name."""
    for container in _containers(pod):
        if _is_busy(*_waiting((container.get("state") or {}).get("waiting") or {})):
            return "The machine that was found is too busy to start the server. Try again in a few minutes."
    return unschedulable(pod)


def _containers(pod: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (pod.get("status") or {}).get("containerStatuses") or ()


def _waiting(state: Mapping[str, Any]) -> tuple[str, str]:
    return state.get("reason") or "", (state.get("message") or "").lower()


def _is_busy(reason: str, message: str) -> bool:
    return reason in ("CreateContainerError", "RunContainerError") and any(words in message for words in _BUSY)


def unschedulable(pod: Mapping[str, Any]) -> str | None:
    """Why no machine takes a pod (as JSON); None if one does."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            message = (condition.get("message") or "").strip()
            short = [what for what in ("cpu", "memory") if f"Insufficient {what}" in message]
            if short:
                return (
                    f"No machine has enough free {' and '.join(short)} now. Choose fewer cores or less memory, or wait."
                )
            if "persistentvolumeclaim" in message.lower() or "volume" in message.lower():
                return f"Your home or another volume isn't available yet ({message})."
            return f"No machine takes the server now ({message or 'no reason given'})."
    return None


def refused(status: int, body: str | bytes | None) -> str | None:
    """What the API server says to a pod or volume that it doesn't take; None if that's nobody's fault but ours."""
    try:
        message = str(json.loads(body or b"").get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    if status == 403 and "exceeded quota" in message:
        return f"The platform's quota is used up ({message.split('exceeded quota:', 1)[-1].strip()}). Try again later."
    if status == 403 and "violates PodSecurity" in message:
        return "The cluster's security rules refuse the server. Tell the platform's administrators."
    return None


_TOLD = {
    "Scheduled": "A machine was found.",
    "Pulling": "Fetching the image {image}: this takes minutes where it wasn't used before.",
    "Pulled": "The image {image} is there.",
    "Started": "The server is starting.",
    "FailedMount": "A volume isn't available yet ({message}).",
    "FailedAttachVolume": "A volume isn't available yet ({message}).",
}


def told(event: Mapping[str, Any], image: str) -> str | None:
    """An event of the pod in plain words; None for one that needs no others."""
    reason, message = event.get("reason") or "", event.get("message") or ""
    if reason == "FailedScheduling":
        condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": message}
        return unschedulable({"status": {"conditions": [condition]}})
    return _TOLD[reason].format(image=image, message=message[:200]) if reason in _TOLD else None


def _waits(image: str, reason: str, message: str) -> str | None:
    if reason == "InvalidImageName":
        return f'"{image}" is no image reference.'
    if reason == "ErrImageNeverPull":
        return f'The image "{image}" is not on the machine, and images may not be fetched there. Choose another one.'
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        if any(words in message for words in _NO_SUCH_IMAGE):
            return f'There is no image "{image}": check its name and tag, or choose another one.'
        if any(words in message for words in _NOT_FOR_US):
            return f"The image \"{image}\" can't be fetched: its registry doesn't let us, or has no such image."
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"):
        return _start_error(image, reason, message)
    return None


def _start_error(image: str, reason: str, message: str) -> str:
    if "runasnonroot" in message or "non-root" in message:
        return f'The image "{image}" insists on running as root, which is not allowed here.'
    if "executable file not found" in message or "no such file or directory" in message:
        return f'The image "{image}" lacks jupyterhub-singleuser: see how images are made in the documentation.'
    return f'The image "{image}" doesn\'t start ({reason}: {message[:200]}).'


def _ended(image: str, ended: Mapping[str, Any]) -> str:
    if ended.get("reason") == "OOMKilled":
        return "The server needs more memory than was chosen to start. Choose more."
    return f'The image "{image}" ended while it started, with exit code {ended.get("exitCode")}.'
