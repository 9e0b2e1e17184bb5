"""What running pods use: by their job's channel, else by its ad."""

from interlink.protocol.types import PodUsage

from condor_sidecar.app.job_channels import JobChannels
from condor_sidecar.app.pods import PodTable
from condor_sidecar.core.state import Stage
from condor_sidecar.core.usage import usage_of_ad


def usages(table: PodTable, channels: JobChannels) -> list[PodUsage]:
    """One entry for each pod whose usage is known."""
    told = channels.usage()
    found: list[PodUsage] = []
    for pod in table.in_stage(Stage.PRESENT):
        if pod.ad is None or pod.view is None or pod.deleting:
            continue
        usage = told.get(pod.uid) or usage_of_ad(pod.uid, pod.ad, pod.view, pod.measured)
        if usage is not None:
            found.append(usage)
    return found
