"""Ephemeral containers (`kubectl debug`): which of a pod's are to be handed over, as what, and how they stand.

As under a kubelet they are started once the pod's sandbox is there, here its job, whatever the other containers do; they are never
started again and count for nothing: not for the phase, not for a condition. They reach a job by `/update`, and the site's report
names those that it has, or will not have; all others are to be handed over, however often this process was restarted meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
from interlink.protocol.types import CreateRequest, PodStatus

from virtual_kubelet.core.container_status import container_status, ended_status
from virtual_kubelet.core.create_request import (
    Translation,
    claim_names,
    create_request,
    environment_objects,
    resolved,
)
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.refresh import volume_objects, with_volumes, without_environments
from virtual_kubelet.core.volumes import VolumePolicy
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import KnownPod, Obstacle
from virtual_kubelet.model.pod import JsonObject

CONFIG_ERROR = "CreateContainerConfigError"
_IN_THE_QUEUE = frozenset({"Queued", "Pending", "Staging", "JobHeld", "Removing"})
"""What containers wait for whose job has not begun, in the words of this platform's sidecar."""


def untold(known: KnownPod) -> tuple[str, ...]:
    """Those of a pod that the site has said nothing of."""
    if not known.ephemeral or known.report is None:
        return known.ephemeral
    told = _said(msgspec.json.decode(known.report, type=PodStatus))
    return tuple(name for name in known.ephemeral if name not in told)


def unheard(known: KnownPod) -> tuple[str, ...]:
    """Those of them that can be started now: the job has begun."""
    left = untold(known)
    return left if left and _has_begun(known) else ()


def _has_begun(known: KnownPod) -> bool:
    if known.report is None:
        return False
    report = msgspec.json.decode(known.report, type=PodStatus)
    return not all(_is_queued(status) for status in [*(report.containers or []), *(report.initContainers or [])])


def _is_queued(status: JsonObject) -> bool:
    state = status.get("state")
    waiting = state.get("waiting") if isinstance(state, dict) else None
    return isinstance(waiting, dict) and str(waiting.get("reason")) in _IN_THE_QUEUE


def with_mounted_volumes(pod: JsonObject) -> JsonObject:
    """The pod with the volumes alone that they mount."""
    mounted = {mount["name"] for container in pods.ephemeral(pod) for mount in container.get("volumeMounts") or []}
    return with_volumes(pod, [volume for volume in pod["spec"].get("volumes") or [] if volume["name"] in mounted])


def objects(narrowed: JsonObject, policy: VolumePolicy) -> set[ObjectName]:
    """Every ConfigMap, Secret and claim that their environments and volumes name, of a pod with their volumes alone."""
    named = {name for container in pods.ephemeral(narrowed) for name in environment_objects(container)}
    return named | volume_objects(narrowed, policy) | claim_names(narrowed)


def request(
    narrowed: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation, added: Sequence[JsonObject]
) -> CreateRequest:
    """The message for `/update` that adds these, which are resolved, to a pod. Raises MissingObjectError."""
    plain = replace(translation, api_address=None, job_script_builder="", service_links=False)
    made = create_request(without_environments(narrowed), store, node, plain)
    made.pod["spec"]["ephemeralContainers"] = list(added)
    return made


def resolve(
    pod: JsonObject, store: ObjectStore, node: NodeFacts, translation: Translation
) -> tuple[list[JsonObject], dict[str, MissingObjectError]]:
    """Those that can be sent, as they are sent, and what the others lack, by name: one of them holds up no other."""
    made: list[JsonObject] = []
    missing: dict[str, MissingObjectError] = {}
    for container in pods.ephemeral(pod):
        try:
            made.append(resolved(pod, container, store, node, translation))
        except MissingObjectError as error:
            missing[container["name"]] = error
    return made, missing


def statuses(pod: JsonObject, report: PodStatus | None, obstacles: Mapping[str, Obstacle]) -> list[JsonObject]:
    """Their statuses after `report`."""
    old, said = _old(pod), _said(report)
    return [_status(c, old.get(c["name"]), said.get(c["name"]), obstacles.get(c["name"])) for c in pods.ephemeral(pod)]


def ended(pod: JsonObject) -> list[JsonObject]:
    """Their statuses when the pod was ended without the site's word: those that ran were killed, the others wait for ever."""
    made = []
    for status, container in zip(statuses(pod, None, {}), pods.ephemeral(pod), strict=True):
        killed = (
            ended_status(container, status, 137, "Error", "the pod was ended")
            if "running" in status["state"]
            else status
        )
        made.append(_bare(killed))
    return made


def _status(
    container: JsonObject, old: JsonObject | None, said: JsonObject | None, obstacle: Obstacle | None
) -> JsonObject:
    if said is None and obstacle is not None and (old is None or "waiting" in (old.get("state") or {})):
        said = {"state": {"waiting": {"reason": obstacle.reason, "message": obstacle.message}}}
    return _bare(container_status(container, old, said, "Never"))


def _bare(status: JsonObject) -> JsonObject:
    """As a kubelet shows them: never ready, and nothing of whether they have started."""
    return {key: value for key, value in status.items() if key != "started"} | {"ready": False}


def _old(pod: JsonObject) -> dict[str, JsonObject]:
    return {status["name"]: status for status in pods.status(pod).get("ephemeralContainerStatuses") or []}


def _said(report: PodStatus | None) -> dict[str, JsonObject]:
    told = report.ephemeralContainers if report is not None else None
    return {str(status.get("name")): status for status in told} if isinstance(told, list) else {}
