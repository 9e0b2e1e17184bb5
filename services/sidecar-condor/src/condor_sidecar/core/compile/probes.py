"""A container's probes and hooks as the supervisor is to run them, with Kubernetes' defaults filled in."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from condor_sidecar.core.compile.handlers import Ports, hook, named_ports, natural, probing
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.supported import Check, check, read
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.job.supervisor.plan import OWN_ADDRESS
from condor_sidecar.model.plan import ContainerKind

DEFAULTS: Final = job.Probe(job.Action("tcp"))
PROBE: Final[Mapping[str, Check]] = dict.fromkeys(
    ("exec", "httpGet", "tcpSocket", "grpc", "initialDelaySeconds", "periodSeconds", "timeoutSeconds",
     "successThreshold", "failureThreshold", "terminationGracePeriodSeconds"), read,
)  # fmt: skip
LIFECYCLE: Final[Mapping[str, Check]] = {"postStart": read, "preStop": read, "stopSignal": read}
FIELDS: Final = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


@dataclass(frozen=True, slots=True)
class Care:
    """What is done about a container while it runs."""

    startup: job.Probe | None = None
    readiness: job.Probe | None = None
    liveness: job.Probe | None = None
    post_start: job.Action | None = None
    pre_stop: job.Action | None = None
    stop_signal: int = signal.SIGTERM


def compile_care(container: Node, kind: ContainerKind, variables: Mapping[str, str], most_grace: int) -> Care:
    """The probes and hooks of `container`; no grace period of theirs may be longer than `most_grace`."""
    if kind is ContainerKind.INIT:
        for field in FIELDS:
            if container[field].given:
                container[field].reject("an init container that ends has no probes and hooks: remove it")
        return Care()
    ports = named_ports(container)
    known = _static(variables)
    hooks = container["lifecycle"]
    check(hooks, LIFECYCLE)
    return Care(
        _probe(container["startupProbe"], ports, known, most_grace),
        _probe(container["readinessProbe"], ports, known, most_grace),
        _probe(container["livenessProbe"], ports, known, most_grace),
        hook(hooks["postStart"], ports),
        hook(hooks["preStop"], ports),
        _signal(hooks["stopSignal"]),
    )


def _static(variables: Mapping[str, str]) -> dict[str, str]:
    """What references in a probe's command stand for. A kubelet takes the `value` of each entry of `env` as it is written
    (ExpandContainerCommandOnlyStatic, 1.34), so that a variable of another source is empty, and one of `envFrom` unknown.

    Here that holds for the pod's own address alone. Of the others only the values have come, so a reference stands for them: a
    command that a kubelet would run with nothing in that place can't have been meant.
    """
    empty = {name: "" for name, value in variables.items() if value == OWN_ADDRESS}
    return {name: value for name, value in variables.items() if OWN_ADDRESS not in value} | empty


def _probe(node: Node, ports: Ports, variables: Mapping[str, str], most_grace: int) -> job.Probe | None:
    if not node.given:
        return None
    check(node, PROBE)
    grace = node["terminationGracePeriodSeconds"]
    seconds = grace.number()
    if seconds is not None and not 1 <= seconds <= most_grace:
        grace.reject(f"a grace period of {seconds} s can't be given at this site: use 1 to {most_grace}")
    return job.Probe(
        probing(node, ports, variables),
        initial_delay=_number(node["initialDelaySeconds"], DEFAULTS.initial_delay),
        period=_number(node["periodSeconds"], DEFAULTS.period),
        timeout=_number(node["timeoutSeconds"], DEFAULTS.timeout),
        success_threshold=_number(node["successThreshold"], DEFAULTS.success_threshold),
        failure_threshold=_number(node["failureThreshold"], DEFAULTS.failure_threshold),
        grace_seconds=seconds,
    )


def _number(node: Node, default: int) -> int:
    """A number that is not negative; 0 stands for the default, as for the API server."""
    return natural(node) or default


def _signal(node: Node) -> int:
    name = node.text()
    if not name:
        return signal.SIGTERM
    if name not in signal.Signals.__members__:
        node.reject(f'signal "{name}" can\'t be sent at this site: use one such as SIGTERM, SIGINT or SIGQUIT')
        return signal.SIGTERM
    return int(signal.Signals[name])
