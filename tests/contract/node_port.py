"""A node's kubelet port in front of everything that commands in containers pass, but for the API server and the job."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp.test_utils import TestServer
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.io.kubelet_access import KubeletAccess
from virtual_kubelet.io.kubelet_port import KubeletPort
from virtual_kubelet.io.node_stats import NodeStats

from tests.contract.command_chain import Way

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "ns", "uid": "uid", "resourceVersion": "5"},
    "spec": {
        "nodeName": "node",
        "containers": [{"name": "c", "image": "i", "stdin": True}, {"name": "d", "image": "i"}],
    },
    "status": {"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {}}}]},
}


class Everybody:
    """An API server that knows everybody, and notes what they want to do."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    async def post(self, _path: str, body: Any) -> Any:
        if "resourceAttributes" in body["spec"]:
            self.verbs.append(body["spec"]["resourceAttributes"]["verb"])
        return {"status": {"authenticated": True, "allowed": True, "user": {"username": "somebody"}}}


@contextlib.asynccontextmanager
async def node_port(way: Way, api: Everybody) -> AsyncIterator[int]:
    """The port, on this machine, of the node that POD runs on."""
    registry = Registry()
    registry.seen(POD)
    access = KubeletAccess(api, "node")  # type: ignore[arg-type]
    stats = NodeStats("node", registry, Remote(way.client, "node", 5))
    port = KubeletPort(registry, way.client, access, stats, lambda: True)
    async with TestServer(port.application()) as server:
        assert server.port is not None
        yield server.port
