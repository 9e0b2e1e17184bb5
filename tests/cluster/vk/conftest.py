"""A real API server, and a virtual node of its own for each test."""

import base64
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes_client.api import ApiServer
from virtual_kubelet import metrics

from tests.cluster.vk.control_plane import ADMIN, VK, ControlPlane, control_plane, free_ports
from tests.cluster.vk.rights import grant
from tests.cluster.vk.virtual_node import VirtualNode, served
from tests.fakes.interlink_server import FakeInterlink


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    """As an administrator."""
    async with await ApiServer.connect(plane.kubeconfig(ADMIN), "highrate-tests", metrics.API) as server:
        yield server


@pytest.fixture
async def site() -> FakeInterlink:
    return FakeInterlink()


@pytest.fixture
async def vk(plane: ControlPlane, api: ApiServer, site: FakeInterlink) -> AsyncIterator[VirtualNode]:
    """A virtual node that was not started yet, in a namespace with what the controllers of a whole cluster put there."""
    name = f"n{uuid.uuid4().hex[:8]}"
    await api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    await api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    await put(api, name, "configmap", "kube-root-ca.crt", {"ca.crt": "a certificate"})
    await grant(api, name, name)
    port, metrics_port = free_ports(2)
    async with served(site) as url:
        node = VirtualNode(name, name, api, site, port, plane.kubeconfig(VK), url, metrics_port)
        try:
            yield node
        finally:
            await node.stop()


async def put(api: ApiServer, namespace: str, kind: str, name: str, data: dict[str, str]) -> None:
    """Create a ConfigMap or a Secret."""
    values = data if kind == "configmap" else {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    body = {"apiVersion": "v1", "kind": {"configmap": "ConfigMap", "secret": "Secret"}[kind], "data": values}
    await api.post(f"/api/v1/namespaces/{namespace}/{kind}s", body | {"metadata": {"name": name}})
