"""Changes of a running pod's containers that its job can't follow: another image, and other resources (resize in place).

A kubelet restarts the container with its new image, and resizes it or says why it can't. A job is what it was made as, so its
owner is told, in a kubelet's words where it has some (KEP-1287).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from virtual_kubelet.core.conditions import Condition, holds, merged
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.made import Made
from virtual_kubelet.model.pod import JsonObject

RESIZE_PENDING = "PodResizePending"
_POD = ""
"""In the place of a container's name: the pod as a whole."""


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """A change that the job goes on without; `reason` and `message` are the event's."""

    reason: str
    message: str


def made_of(pod: JsonObject) -> Made:
    """What a job that is made now is made of."""
    containers = list(pods.all_containers(pod))
    images = {each["name"]: _digest(each.get("image")) for each in containers}
    resources = {each["name"]: _digest(_amounts(each)) for each in containers} | {_POD: _digest(_amounts(pod["spec"]))}
    return Made(images, resources)


def first_seen(pod: JsonObject) -> Made:
    """Of a pod whose job an earlier life of ours had made: what it is now, but for resources that are known to be others."""
    made = made_of(pod)
    pending = holds(pods.status(pod).get("conditions") or [], RESIZE_PENDING)
    return Made(made.images, {}) if pending else made


def unfollowed(made: Made, pod: JsonObject) -> list[Unfollowed]:
    """How `pod` differs from what its job was made of."""
    now = made_of(pod)
    found = []
    if names := _different(made.images, now.images):
        why = "a job's images can't be changed while it runs; a new pod takes the new one"
        found.append(Unfollowed("ImageNotChanged", f"{names} stays with the image that it was made with: {why}"))
    if _different(made.resources, now.resources):
        found.append(Unfollowed("ResizeInfeasible", _infeasible(made, now)))
    return found


def with_resize(status: JsonObject, made: Made, pod: JsonObject, when: str) -> JsonObject:
    """`status` with the condition that its new resources are not to be had, as long as they are asked for."""
    if not made.resources:
        return status
    now = made_of(pod)
    conditions = status.get("conditions") or []
    if _different(made.resources, now.resources):
        pending = Condition(RESIZE_PENDING, True, "Infeasible", _infeasible(made, now))
        return status | {"conditions": merged(conditions, [pending], when)}
    return status | {"conditions": [entry for entry in conditions if entry.get("type") != RESIZE_PENDING]}


def _infeasible(made: Made, now: Made) -> str:
    names = _different(made.resources, now.resources)
    return f"{names} keeps the resources that it was made with: a job can't be resized while it runs; a new pod gets the new ones"


def _different(before: dict[str, bytes], now: dict[str, bytes]) -> str:
    names = [name for name, digest in now.items() if before.get(name, digest) != digest]
    containers = ", ".join(f'"{name}"' for name in names if name != _POD)
    return f"container {containers}" if containers else "the pod" if names else ""


def _amounts(holder: JsonObject) -> Any:
    given = holder.get("resources") or {}
    return [given.get("requests") or {}, given.get("limits") or {}]


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=8).digest()
