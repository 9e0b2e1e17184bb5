"""The status of a pod from what a plugin says about its containers.

interLink's mapping (reference: its Go virtual kubelet) with these differences, each because the original loses information or
pods: an empty list of containers, a missing container or an empty state says nothing and changes nothing; every container is
always listed; ends are final, for containers and for the pod; the plugin's reasons, messages and readiness are kept; all
standard conditions are kept, with the time at which they really changed; a failed init container fails a pod that does not
restart, whatever the later containers are said to do; nothing goes from Running back to Pending.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from interlink.protocol.types import PodStatus

from virtual_kubelet.core import ephemeral
from virtual_kubelet.core.conditions import Condition, holds, merged
from virtual_kubelet.core.container_status import (
    INITIALIZING,
    ON_A_MACHINE,
    container_status,
    ended_status,
    left_waiting,
    waiting_status,
)
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import Obstacle
from virtual_kubelet.model.pod import JsonObject

PROVIDER_FAILED = "ProviderFailed"
_POD_REASONS = frozenset({"DeadlineExceeded", "Evicted", "JobHeld", "JobLost", "JobRemoved"})
"""Reasons of a container's end that are the whole pod's."""
HAS_PLACE = "PodReadyToStartContainers"
_MESSAGE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class _Containers:
    """The statuses of all containers, in the order of the specification."""

    inits: list[JsonObject]
    sidecars: list[JsonObject]
    """Those of `inits` that run beside the others."""
    mains: list[JsonObject]

    @property
    def must_end(self) -> list[JsonObject]:
        return [s for s in self.inits if s not in self.sidecars]


def next_status(
    pod: JsonObject,
    report: PodStatus | None,
    host_ip: str,
    now: str,
    obstacles: Mapping[str, Obstacle] = MappingProxyType({}),
) -> JsonObject:
    """The whole status that `pod` should have after `report`; its present one if that is final. `obstacles` say of ephemeral
    containers, by name, why the site has not been given them.

    Applying the same report again changes nothing, whatever `now` is. Without a report: handed over, nothing heard yet.
    """
    old = pods.status(pod)
    if pods.is_terminal(pod):
        return old
    containers = _containers(pod, report)
    verdict = _verdict(report)
    phase = _phase(pod, containers, stopped=bool(verdict))
    status: JsonObject = dict(old) | {"phase": phase}
    status.setdefault("startTime", now)
    _set_host(status, host_ip)
    _set_address(status, report)
    _set_containers(status, containers)
    _set_ephemeral(status, ephemeral.statuses(pod, report, obstacles))
    for key in ("reason", "message"):
        status.pop(key, None)
    status |= (verdict or _pod_reason(containers)) if phase == "Failed" else {}
    conditions = [*_conditions(pod, phase, containers, report), *_disruption(phase, report)]
    status["conditions"] = merged(old.get("conditions") or [], conditions, now)
    return status


def waiting(pod: JsonObject, reason: str, message: str, host_ip: str, now: str) -> JsonObject:
    """The pod can't be handed over yet; its containers say why."""
    if pods.is_terminal(pod):
        return pods.status(pod)
    inits = [waiting_status(c, reason, message) for c in pods.offloaded(pod, "initContainers")]
    behind = INITIALIZING if inits else reason
    mains = [waiting_status(c, behind, message) for c in pods.offloaded(pod, "containers")]
    return _synthetic(pod, "Pending", _Containers(inits, [], mains), host_ip, now)


def refused(pod: JsonObject, message: str, host_ip: str, now: str, reason: str = PROVIDER_FAILED) -> JsonObject:
    """The other side, or this node, will never run this pod."""
    failed = _failed(pod, host_ip, now, code=1, reason=reason, message=message)
    return failed | {"reason": reason, "message": message}


def deleted(pod: JsonObject, host_ip: str, now: str) -> JsonObject:
    """The pod was deleted and its job taken away: what had not ended was killed."""
    if pods.is_terminal(pod):
        return pods.status(pod)
    return _failed(pod, host_ip, now, code=137, reason="Error", message="the pod was deleted")


def _failed(pod: JsonObject, host_ip: str, now: str, *, code: int, reason: str, message: str) -> JsonObject:
    old = _by_name(pods.status(pod))
    inits = [ended_status(c, old.get(c["name"]), code, reason, message) for c in pods.offloaded(pod, "initContainers")]
    mains = [ended_status(c, old.get(c["name"]), code, reason, message) for c in pods.offloaded(pod, "containers")]
    return _synthetic(pod, "Failed", _Containers(inits, [], mains), host_ip, now)


def _synthetic(pod: JsonObject, phase: str, containers: _Containers, host_ip: str, now: str) -> JsonObject:
    old = pods.status(pod)
    status: JsonObject = dict(old) | {"phase": phase}
    status.setdefault("startTime", now)
    _set_host(status, host_ip)
    _set_containers(status, containers)
    failed = phase in pods.TERMINAL_PHASES
    _set_ephemeral(status, ephemeral.ended(pod) if failed else ephemeral.statuses(pod, None, {}))
    status["conditions"] = merged(old.get("conditions") or [], _conditions(pod, phase, containers), now)
    return status


def _set_host(status: JsonObject, host_ip: str) -> None:
    if host_ip and not status.get("hostIP"):
        status["hostIP"] = host_ip
        status["hostIPs"] = [{"ip": host_ip}]


def _set_address(status: JsonObject, report: PodStatus | None) -> None:
    """Where others reach the pod, if the site says so; it has one address for life."""
    told = report.podIP if report is not None and isinstance(report.podIP, str) else ""
    if told and not status.get("podIP") and _is_address(told):
        status["podIP"] = told
        status["podIPs"] = [{"ip": told}]


def _is_address(text: str) -> bool:
    try:
        return str(ipaddress.ip_address(text)) == text  # Kubernetes takes an address in one spelling only
    except ValueError:
        return False


def _set_containers(status: JsonObject, containers: _Containers) -> None:
    status["containerStatuses"] = containers.mains
    if containers.inits:
        status["initContainerStatuses"] = containers.inits


def _set_ephemeral(status: JsonObject, statuses: list[JsonObject]) -> None:
    if statuses:
        status["ephemeralContainerStatuses"] = statuses


def _by_name(status: JsonObject) -> dict[str, JsonObject]:
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {s["name"]: s for s in every}


def _containers(pod: JsonObject, report: PodStatus | None) -> _Containers:
    old = _by_name(pods.status(pod))
    policy = pod["spec"].get("restartPolicy", "Always")
    said_inits = {s.get("name"): s for s in (report.initContainers if report else None) or []}
    said_mains = {s.get("name"): s for s in (report.containers if report else None) or []}
    begun = any(_in_state(s, "running") or _in_state(s, "terminated") for s in said_mains.values())
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
            blocked = blocked or not (status["started"] or _in_state(status, "terminated") or _ran_before(status))
        else:
            blocked = blocked or _exit_code(status) != 0
            failed = failed or (policy == "Never" and _exit_code(status) not in (None, 0))
    mains = []
    for container in pods.offloaded(pod, "containers"):
        said = said_mains.get(container["name"])
        said = left_waiting(said) if failed else said
        mains.append(container_status(container, old.get(container["name"]), said, policy, blocked=blocked))
    return _Containers(inits, sidecars, mains)


def _passed(mains: Mapping[Any, JsonObject], sidecar: bool) -> JsonObject | None:
    """What a plugin that never tells of init containers implies: the others run, or ended well, so those were passed."""
    codes = [_exit_code(s) for s in mains.values()]
    running = any(_in_state(s, "running") for s in mains.values())
    if not running and not all(code == 0 for code in codes):
        return None
    if sidecar and running:
        return {"state": {"running": {}}}
    return {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}


def _in_state(status: JsonObject, kind: str) -> bool:
    state = status.get("state")
    return isinstance(state, dict) and isinstance(state.get(kind), dict)


def _ran_before(status: JsonObject) -> bool:
    """It ended before, and was started again or will be."""
    return "terminated" in (status.get("lastState") or {})


def _exit_code(status: JsonObject) -> int | None:
    code: int | None = status["state"]["terminated"].get("exitCode") if _in_state(status, "terminated") else None
    return code


def _verdict(report: PodStatus | None) -> dict[str, str]:
    """Reason and message of a pod that was ended as a whole."""
    if report is None or not isinstance(report.reason, str) or not report.reason:
        return {}
    message = report.message if isinstance(report.message, str) else ""
    return {"reason": report.reason} | ({"message": message[:_MESSAGE_LIMIT]} if message else {})


def _phase(pod: JsonObject, containers: _Containers, *, stopped: bool) -> str:
    """`stopped`: the pod as a whole was ended, so that exit codes of 0 are no success."""
    mains = [_exit_code(s) for s in containers.mains]
    init_failed = any(_exit_code(s) not in (None, 0) for s in containers.must_end)
    if mains and all(code is not None for code in mains):
        return "Failed" if init_failed or any(mains) or stopped else "Succeeded"
    if init_failed and pod["spec"].get("restartPolicy") == "Never":
        return "Failed"
    if any(_exit_code(s) != 0 for s in containers.must_end):
        return pods.phase(pod)
    if any(_in_state(s, "running") or _ran_before(s) for s in containers.mains):
        return "Running"
    return pods.phase(pod)


def _pod_reason(containers: _Containers) -> dict[str, str]:
    for status in [*containers.inits, *containers.mains]:
        end = (status.get("state") or {}).get("terminated") or {}
        if end.get("reason") in _POD_REASONS:
            return {"reason": end["reason"]} | ({"message": end["message"]} if end.get("message") else {})
    return {}


def _conditions(
    pod: JsonObject, phase: str, containers: _Containers, report: PodStatus | None = None
) -> list[Condition]:
    old = pods.status(pod).get("conditions") or []
    has_place = holds(old, HAS_PLACE) or _has_place(containers, report)
    wanted = [
        Condition(HAS_PLACE, has_place and phase not in pods.TERMINAL_PHASES),
        _initialized(phase, containers),
        *_readiness(pod, phase, containers, old),
    ]
    if not any(c.get("type") == "PodScheduled" for c in old):
        wanted.append(Condition("PodScheduled", True))
    return wanted


def _has_place(containers: _Containers, report: PodStatus | None) -> bool:
    """Is the pod's job on a machine? Then images are pulled and containers made; once there it stays until it ends."""
    every = [*containers.inits, *containers.mains]
    if any(not _in_state(s, "waiting") or _ran_before(s) for s in every):
        return True
    told = [*(report.initContainers or []), *(report.containers or [])] if report is not None else []
    return any(s["state"]["waiting"].get("reason") in ON_A_MACHINE for s in told if _in_state(s, "waiting"))


def _disruption(phase: str, report: PodStatus | None) -> list[Condition]:
    """The condition by which controllers tell a pod that was taken away from one that failed (KEP-3329)."""
    told = report.disruption if report is not None and isinstance(report.disruption, str) else ""
    if phase != "Failed" or not told:
        return []
    return [Condition("DisruptionTarget", True, "TerminationByKubelet", told[:_MESSAGE_LIMIT])]


def _initialized(phase: str, containers: _Containers) -> Condition:
    if phase == "Succeeded":
        return Condition("Initialized", True, "PodCompleted")
    pending = [s["name"] for s in containers.must_end if _exit_code(s) != 0]
    if all(_in_state(s, "waiting") and not _ran_before(s) for s in containers.mains):
        # once the others have begun, a sidecar that is being restarted doesn't take that back
        pending += [s["name"] for s in containers.sidecars if not s["started"]]
    if not pending:
        return Condition("Initialized", True)
    message = f"containers with incomplete status: [{' '.join(pending)}]"
    return Condition("Initialized", False, "ContainersNotInitialized", message)


def _readiness(pod: JsonObject, phase: str, containers: _Containers, old: list[JsonObject]) -> list[Condition]:
    if phase in pods.TERMINAL_PHASES:
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        return [Condition("ContainersReady", False, reason), Condition("Ready", False, reason)]
    unready = [s["name"] for s in [*containers.sidecars, *containers.mains] if not s["ready"]]
    if unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        return [Condition(kind, False, "ContainersNotReady", message) for kind in ("ContainersReady", "Ready")]
    gates = [g["conditionType"] for g in pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if not holds(old, gate)]
    if closed:
        message = "; ".join(
            f'corresponding condition of pod readiness gate "{g}" does not exist or is not True' for g in closed
        )
        ready = Condition("Ready", False, "ReadinessGatesNotReady", message)
    else:
        ready = Condition("Ready", True)
    return [Condition("ContainersReady", True), ready]
