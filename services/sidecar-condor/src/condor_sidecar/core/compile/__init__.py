"""The compile step: a pod as it came over the wire becomes one job, or a list of reasons why it can't.

`compile_pod` is pure; each module beside this one decides one aspect of a pod.
"""

from interlink.protocol.types import RetrievedPodData

from condor_sidecar.core.policy import Policy
from condor_sidecar.model.plan import Plan, Rejection


def compile_pod(request: RetrievedPodData, policy: Policy) -> Plan | Rejection:
    """The job for `request`'s pod under `policy`, or every reason why there can be none."""
    raise NotImplementedError
