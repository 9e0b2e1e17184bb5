"""All containers of a pod, each with the status that it should have after a plugin's report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlink.protocol.types import PodStatus

from virtual_kubelet.core.container_status import container_status, left_waiting
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject


@dataclass(frozen=True, slots=True)
class PodContainers:
    """The statuses of all containers, in the order of the specification."""

    inits: list[JsonObject]
    sidecars: list[JsonObject]
    """Those of `inits` that run beside the others."""
    mains: list[JsonObject]

    @property
    def must_end(self) -> list[JsonObject]:
        return [s for s in self.inits if s not in self.sidecars]


def pod_containers(pod: JsonObject, report: PodStatus | None) -> PodContainers:
    """The containers of `pod`, init containers with those that run beside the others, after `report`; None says nothing."""
    old = statuses_by_name(pods.status(pod))
    policy = pod["spec"].get("restartPolicy", "Always")
    said_inits = {s.get("name"): s for s in (report.initContainers if report else None) or []}
    said_mains = {s.get("name"): s for s in (report.containers if report else None) or []}
    begun = any(in_state(s, "running") or in_state(s, "terminated") for s in said_mains.values())
    inits: list[JsonObject] = []
    sidecars: list[JsonObject] = []
    blocked = failed = False
    for container in pods.offloaded(pod, "initContainers"):
        name = container["name"]
        said = left_waiting(said_inits.get(name)) if failed else said_inits.get(name)
        if said is None and begun and not said_inits:
            said = _passed(said_mains, pods.is_sidecar(container))
        status = container_status(container, old.get(name), said, policy, init=True, blocked=blocked)
        inits.append(status)
        if pods.is_sidecar(container):
            sidecars.append(status)
            blocked = blocked or not (status["started"] or in_state(status, "terminated") or ran_before(status))
        else:
            blocked = blocked or exit_code(status) != 0
            failed = failed or (policy == "Never" and exit_code(status) not in (None, 0))
    mains = []
    for container in pods.offloaded(pod, "containers"):
        said = said_mains.get(container["name"])
        said = left_waiting(said) if failed else said
        mains.append(container_status(container, old.get(container["name"]), said, policy, blocked=blocked))
    return PodContainers(inits, sidecars, mains)


def _passed(mains: Mapping[Any, JsonObject], sidecar: bool) -> JsonObject | None:
    """What a plugin that never tells of init containers implies: the others run, or ended well, so those were passed."""
    codes = [exit_code(s) for s in mains.values()]
    running = any(in_state(s, "running") for s in mains.values())
    if not running and not all(code == 0 for code in codes):
        return None
    if sidecar and running:
        return {"state": {"running": {}}}
    return {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}


def statuses_by_name(status: JsonObject) -> dict[str, JsonObject]:
    """Those in a pod's `status`, of init and other containers."""
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {s["name"]: s for s in every}


def in_state(status: JsonObject, kind: str) -> bool:
    """Is the container waiting, running or terminated, as `kind` says?"""
    state = status.get("state")
    return isinstance(state, dict) and isinstance(state.get(kind), dict)


def ran_before(status: JsonObject) -> bool:
    """It ended before, and was started again or will be."""
    return "terminated" in (status.get("lastState") or {})


def exit_code(status: JsonObject) -> int | None:
    """None while it has not ended."""
    code: int | None = status["state"]["terminated"].get("exitCode") if in_state(status, "terminated") else None
    return code
