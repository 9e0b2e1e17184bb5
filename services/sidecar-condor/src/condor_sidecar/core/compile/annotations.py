"""The pod's annotations that are meant for this endpoint."""

from typing import Final

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import Policy

PREFIX: Final = "htcondor-job.vk.io/"
MAX_WALL_TIME: Final = "max-walltime"
REQUEST_DISK: Final = "request-disk"
KNOWN: Final = frozenset({MAX_WALL_TIME, REQUEST_DISK})

# interLink's own keys that ask every plugin to run commands of the user's or of its network mesh outside of the containers
COMMANDS: Final = (
    "slurm-job.vk.io/pre-exec",
    "interlink.eu/wstunnel-client-commands",
    "htcondor-job.knoc.io/image-root",
)


def read(metadata: Node, policy: Policy) -> dict[str, Node]:
    """The annotations under our prefix that the policy allows, by the rest of their key; complains about the others."""
    found: dict[str, Node] = {}
    for key, node in metadata["annotations"].entries():
        name = key.removeprefix(PREFIX)
        if key in COMMANDS and node.given:
            node.reject("nothing is run outside of the pod's containers at this site: remove the annotation")
        elif not key.startswith(PREFIX):
            continue
        elif name not in KNOWN:
            node.reject(f'annotation "{key}" is not known to this endpoint: remove it')
        elif name not in policy.user_annotations:
            node.reject(f'annotation "{key}" may not be used at this site: remove it')
        else:
            found[name] = node
    return found
