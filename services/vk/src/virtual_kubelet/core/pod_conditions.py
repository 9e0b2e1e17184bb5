"""What holds of a pod whose phase and containers are known: a kubelet's conditions."""

from interlink.protocol.types import PodStatus

from virtual_kubelet.core.conditions import Condition, holds
from virtual_kubelet.core.container_status import MESSAGE_LIMIT, ON_A_MACHINE
from virtual_kubelet.core.pod_containers import PodContainers, exit_code, in_state, ran_before
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject

HAS_PLACE = "PodReadyToStartContainers"


def pod_conditions(
    pod: JsonObject, phase: str, containers: PodContainers, report: PodStatus | None = None
) -> list[Condition]:
    """All that are to be stated anew of `pod`, which comes to be in `phase`. A `report` of None: the plugin said nothing of it."""
    old = pods.status(pod).get("conditions") or []
    has_place = holds(old, HAS_PLACE) or _has_place(containers, report)
    wanted = [
        Condition(HAS_PLACE, has_place and phase not in pods.TERMINAL_PHASES),
        _initialized(phase, containers),
        *_readiness(pod, phase, containers, old),
        *_disruption(phase, report),
    ]
    if not any(c.get("type") == "PodScheduled" for c in old):
        wanted.append(Condition("PodScheduled", True))
    return wanted


def _initialized(phase: str, containers: PodContainers) -> Condition:
    if phase == "Succeeded":
        return Condition("Initialized", True, "PodCompleted")
    pending = [s["name"] for s in containers.must_end if exit_code(s) != 0]
    if all(in_state(s, "waiting") and not ran_before(s) for s in containers.mains):
        # once the others have begun, a sidecar that is being restarted doesn't take that back
        pending += [s["name"] for s in containers.sidecars if not s["started"]]
    if not pending:
        return Condition("Initialized", True)
    message = f"containers with incomplete status: [{' '.join(pending)}]"
    return Condition("Initialized", False, "ContainersNotInitialized", message)


def _readiness(pod: JsonObject, phase: str, containers: PodContainers, old: list[JsonObject]) -> list[Condition]:
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


def _has_place(containers: PodContainers, report: PodStatus | None) -> bool:
    """Is the pod's job on a machine? Then images are pulled and containers made; once there it stays until it ends."""
    every = [*containers.inits, *containers.mains]
    if any(not in_state(s, "waiting") or ran_before(s) for s in every):
        return True
    told = [*(report.initContainers or []), *(report.containers or [])] if report is not None else []
    return any(s["state"]["waiting"].get("reason") in ON_A_MACHINE for s in told if in_state(s, "waiting"))


def _disruption(phase: str, report: PodStatus | None) -> list[Condition]:
    """The condition by which controllers tell a pod that was taken away from one that failed (KEP-3329)."""
    told = report.disruption if report is not None and isinstance(report.disruption, str) else ""
    if phase != "Failed" or not told:
        return []
    return [Condition("DisruptionTarget", True, "TerminationByKubelet", told[:MESSAGE_LIMIT])]
