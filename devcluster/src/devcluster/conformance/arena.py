"""The cluster as a run needs it: the suite's pods go to the node that is judged, and to no other.

They tolerate no taints and select no node. So a virtual node that is judged is without the taint of virtual nodes and serves
every namespace for as long as the run lasts, and the ordinary node takes no new pods meanwhile. The site's pool is one of many
machines then, since tests that run side by side listen on the same ports. Whatever else runs on the platform is disturbed.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from devcluster import release
from devcluster.conformance.undoing import Undo, undoing
from devcluster.kubernetes.certificates import NODE
from devcluster.kubernetes.cluster import wait_until
from devcluster.platform import Platform
from devcluster.release_values import Object
from devcluster.site import pool
from devcluster.site import steps as site
from devcluster.site.layout import ENDPOINTS, Slots
from devcluster.steps import StepLog

ENDPOINT = ENDPOINTS["schedd"]
_NODE: Object = {
    "noScheduleTaint": False,
    # of ordinary Linux nodes, without which tests for Linux leave themselves out
    "labels": {"kubernetes.io/os": "linux"},
    "serviceLinks": True,
}
OPEN: Object = {"sites": {ENDPOINT.mode: {"allNamespaces": True, "namespaces": [], "node": _NODE}}}
SCRATCH = "/srv/scratch"
"""Everybody's folder on the worker machines, as /tmp of a node is."""
LETS: Object = {
    # each worker machine has an address of its own in a run, and they reach each other
    "policy": {"tell_pod_address": True},
    "hostpath": [
        {"path": "/cvmfs"},
        # a test wants it made where it is missing; it is root's all the same
        {"path": "/etc/hosts", "read_only": False},
        # a job's own /tmp is its own alone
        {"path": "/tmp", "target": SCRATCH, "read_only": False},  # noqa: S108 - a path of worker machines
    ],
}
"""What the site lets pods do in a run, beyond what it lets them do otherwise."""
MACHINES = Slots(machines=20)
"""A test has a pod or two at a time, some three."""


class Judged(StrEnum):
    """Whose node is judged."""

    VIRTUAL = "virtual"
    ORDINARY = "ordinary"

    @property
    def node(self) -> str:
        return ENDPOINT.node_name if self is Judged.VIRTUAL else NODE


@contextmanager
def arena(platform: Platform, judged: Judged, log: StepLog) -> Iterator[None]:
    """Around a run. Raises CommandFailed, NotReady, PoolNotReady; NotUndone when it ends."""
    with undoing(log) as undo:
        if judged is Judged.VIRTUAL:
            _many_machines(platform, undo)
            _open_node(platform, log, undo)
        yield


def _many_machines(platform: Platform, undo: Undo) -> None:
    machine = site.site_machine(platform)
    undo("the worker machines' folder", lambda: machine.run(["rm", "-rf", SCRATCH]))
    undo("the pool", lambda: pool.start(machine, platform.network, Slots()))
    undo("the edge", lambda: site.start_edge(platform))
    machine.run(["install", "-d", "-m", "1777", SCRATCH])
    pool.start(machine, platform.network, MACHINES)
    site.start_edge(platform, LETS)


def _open_node(platform: Platform, log: StepLog, undo: Undo) -> None:
    kubectl = platform.kubectl
    # as it is now, the node would take the pod of its own virtual kubelet that the release brings back
    undo("the virtual node", lambda: kubectl("uncordon", ENDPOINT.node_name))
    undo("the release", lambda: release.install(platform, log))
    undo("the ordinary node", lambda: kubectl("uncordon", NODE))
    undo("the virtual node", lambda: kubectl("cordon", ENDPOINT.node_name))
    release.install(platform, log, OPEN)
    release.wait_for_virtual_node(platform, ENDPOINT.node_name, log)
    wait_until(_untainted(platform), 60, f"node {ENDPOINT.node_name} without its taint")
    kubectl("cordon", NODE)


def _untainted(platform: Platform) -> Callable[[], bool]:
    def untainted() -> bool:
        node = json.loads(platform.kubectl("get", "node", ENDPOINT.node_name, "-o=json"))
        return not node["spec"].get("taints")

    return untainted
