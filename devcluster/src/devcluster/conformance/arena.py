"""The cluster as a run needs it: the suite's pods go to the node that is judged, and to no other.

They tolerate no taints and select no node. So a virtual node that is judged is without the taint of virtual nodes and serves
every namespace for as long as the run lasts, and the ordinary node takes no new pods meanwhile.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from devcluster import release
from devcluster.kubernetes.certificates import NODE
from devcluster.kubernetes.cluster import wait_until
from devcluster.platform import Platform
from devcluster.release_values import Object
from devcluster.site.layout import ENDPOINTS
from devcluster.steps import StepLog

ENDPOINT = ENDPOINTS["schedd"]
OPEN: Object = {"sites": {ENDPOINT.mode: {"allNamespaces": True, "namespaces": [], "node": {"noScheduleTaint": False}}}}


class Judged(StrEnum):
    """Whose node is judged."""

    VIRTUAL = "virtual"
    ORDINARY = "ordinary"

    @property
    def node(self) -> str:
        return ENDPOINT.node_name if self is Judged.VIRTUAL else NODE


@contextmanager
def arena(platform: Platform, judged: Judged, log: StepLog) -> Iterator[None]:
    """Around a run. Raises CommandFailed, NotReady."""
    if judged is Judged.ORDINARY:
        yield
        return
    release.install(platform, log, OPEN)
    release.wait_for_virtual_node(platform, ENDPOINT.node_name, log)
    wait_until(_open(platform), 60, f"node {ENDPOINT.node_name} without its taint")
    platform.kubectl("cordon", NODE)
    try:
        yield
    finally:
        platform.kubectl("uncordon", NODE)
        release.install(platform, log)


def _open(platform: Platform) -> Callable[[], bool]:
    def is_open() -> bool:
        node = json.loads(platform.kubectl("get", "node", ENDPOINT.node_name, "-o=json"))
        return not node["spec"].get("taints")

    return is_open
