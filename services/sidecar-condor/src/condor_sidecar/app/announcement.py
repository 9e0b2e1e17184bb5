"""The answer to a ping: what this node offers, and whether new pods should come."""

from interlink.protocol.types import Accelerator, PingReply, PingResources, PingTaint

from condor_sidecar.app.health import Health
from condor_sidecar.settings import Resources

DOWN_SECONDS = 120.0
"""A schedd that is away shorter than this is waited for in silence."""
DOWN_TAINT = "htcondor-job.vk.io/schedd-unreachable"


def announcement(resources: Resources, health: Health) -> PingReply:
    """Resources are what the site offers in all (the scheduler subtracts what it has placed); an endpoint that is down
    for two minutes gets a taint, so that no further pods are sent to wait here."""
    trouble = health.trouble
    down = trouble is not None and health.down_seconds > DOWN_SECONDS
    return PingReply(
        status="ok" if trouble is None else f"the schedd does not answer: {trouble}",
        resources=PingResources(
            cpu=resources.cpu,
            memory=resources.memory,
            pods=resources.pods,
            accelerators=[Accelerator(kind, number) for kind, number in resources.accelerators.items()],
        ),
        taints=[PingTaint(DOWN_TAINT, "", "NoSchedule")] if down else [],
    )
