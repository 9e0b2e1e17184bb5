"""The status of a pod from what a plugin says about its containers.

interLink's mapping (reference: its Go virtual kubelet) with these differences, each because the original loses information or
pods: an empty list of containers, a missing container or an empty state says nothing and changes nothing; every container is
always listed; ends are final, for containers and for the pod; the plugin's reasons, messages and readiness are kept; all
standard conditions are kept, with the time at which they really changed; a failed init container fails a pod that does not
restart, whatever the later containers are said to do; nothing goes from Running back to Pending.
"""

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

from interlink.protocol.types import PodStatus

from virtual_kubelet.core import ephemeral
from virtual_kubelet.core.conditions import merged
from virtual_kubelet.core.container_status import INITIALIZING, MESSAGE_LIMIT, ended_status, waiting_status
from virtual_kubelet.core.pod_conditions import pod_conditions
from virtual_kubelet.core.pod_containers import (
    PodContainers,
    exit_code,
    in_state,
    pod_containers,
    ran_before,
    statuses_by_name,
)
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import Obstacle
from virtual_kubelet.model.pod import JsonObject

PROVIDER_FAILED = "ProviderFailed"
_POD_REASONS = frozenset({"DeadlineExceeded", "Evicted", "JobHeld", "JobLost", "JobRemoved"})
"""Reasons of a container's end that are the whole pod's."""


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
    containers = pod_containers(pod, report)
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
    conditions = pod_conditions(pod, phase, containers, report)
    status["conditions"] = merged(old.get("conditions") or [], conditions, now)
    return status


def waiting(pod: JsonObject, reason: str, message: str, host_ip: str, now: str) -> JsonObject:
    """The pod can't be handed over yet; its containers say why."""
    if pods.is_terminal(pod):
        return pods.status(pod)
    inits = [waiting_status(c, reason, message) for c in pods.offloaded(pod, "initContainers")]
    behind = INITIALIZING if inits else reason
    mains = [waiting_status(c, behind, message) for c in pods.offloaded(pod, "containers")]
    return _synthetic(pod, "Pending", PodContainers(inits, [], mains), host_ip, now)


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
    old = statuses_by_name(pods.status(pod))
    inits = [ended_status(c, old.get(c["name"]), code, reason, message) for c in pods.offloaded(pod, "initContainers")]
    mains = [ended_status(c, old.get(c["name"]), code, reason, message) for c in pods.offloaded(pod, "containers")]
    return _synthetic(pod, "Failed", PodContainers(inits, [], mains), host_ip, now)


def _synthetic(pod: JsonObject, phase: str, containers: PodContainers, host_ip: str, now: str) -> JsonObject:
    old = pods.status(pod)
    status: JsonObject = dict(old) | {"phase": phase}
    status.setdefault("startTime", now)
    _set_host(status, host_ip)
    _set_containers(status, containers)
    failed = phase in pods.TERMINAL_PHASES
    _set_ephemeral(status, ephemeral.ended(pod) if failed else ephemeral.statuses(pod, None, {}))
    status["conditions"] = merged(old.get("conditions") or [], pod_conditions(pod, phase, containers), now)
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


def _set_containers(status: JsonObject, containers: PodContainers) -> None:
    status["containerStatuses"] = containers.mains
    if containers.inits:
        status["initContainerStatuses"] = containers.inits


def _set_ephemeral(status: JsonObject, statuses: list[JsonObject]) -> None:
    if statuses:
        status["ephemeralContainerStatuses"] = statuses


def _verdict(report: PodStatus | None) -> dict[str, str]:
    """Reason and message of a pod that was ended as a whole."""
    if report is None or not isinstance(report.reason, str) or not report.reason:
        return {}
    message = report.message if isinstance(report.message, str) else ""
    return {"reason": report.reason} | ({"message": message[:MESSAGE_LIMIT]} if message else {})


def _phase(pod: JsonObject, containers: PodContainers, *, stopped: bool) -> str:
    """`stopped`: the pod as a whole was ended, so that exit codes of 0 are no success."""
    mains = [exit_code(s) for s in containers.mains]
    init_failed = any(exit_code(s) not in (None, 0) for s in containers.must_end)
    if mains and all(code is not None for code in mains):
        return "Failed" if init_failed or any(mains) or stopped else "Succeeded"
    if init_failed and pod["spec"].get("restartPolicy") == "Never":
        return "Failed"
    if any(exit_code(s) != 0 for s in containers.must_end):
        return pods.phase(pod)
    if any(in_state(s, "running") or ran_before(s) for s in containers.mains):
        return "Running"
    return pods.phase(pod)


def _pod_reason(containers: PodContainers) -> dict[str, str]:
    for status in [*containers.inits, *containers.mains]:
        end = (status.get("state") or {}).get("terminated") or {}
        if end.get("reason") in _POD_REASONS:
            return {"reason": end["reason"]} | ({"message": end["message"]} if end.get("message") else {})
    return {}
