"""`kubectl top`: the real metrics-server reads a virtual node's kubelet port and tells what its pods use."""

import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from devcluster.kubernetes.programs import metrics_server
from devcluster.paths import cache_root, find_checkout
from devcluster.steps import StepLog
from virtual_kubelet.core.timestamp import rfc3339

from devcluster import golang
from tests.cluster.vk.control_plane import ADMIN, ControlPlane, free_ports, running_program
from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.fakes.interlink_server import CHANGEABLE

API = "/apis/metrics.k8s.io/v1beta1"
CORES = 1.5
MEMORY = 300 << 20


class MetricsServer(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        assert self.process.poll() is None, self.log.read_text()[:2000]


@pytest.fixture(scope="module")
def server(plane: ControlPlane) -> Iterator[MetricsServer]:
    """One that reads the kubelets of this control plane's nodes."""
    checkout = find_checkout()
    log = StepLog(plane.folder / "metrics-server-build.log", print)
    built = golang.ensure(metrics_server(checkout), checkout, cache_root(), log)
    kubeconfig = plane.kubeconfig(ADMIN)
    (port,) = free_ports(1)
    argv = [
        str(built / "metrics-server"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={plane.folder / 'metrics-server'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        "--kubelet-insecure-tls",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",
    ]
    log_file = plane.folder / "metrics-server.log"
    with running_program(argv, log_file) as process:
        yield MetricsServer(port, process, log_file)


@contextlib.asynccontextmanager
async def reader(plane: ControlPlane, port: int) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {plane.tokens[ADMIN]}"}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=connector, headers=headers) as session:
        yield session


def amount(quantity: str) -> float:
    """Kubernetes' quantity in cores or bytes, in the suffixes that metrics-server writes."""
    for suffix, factor in (("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("Ki", 1024), ("Mi", 1 << 20)):
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)


async def test_what_pods_use_is_what_the_site_measures(
    vk: VirtualNode, plane: ControlPlane, server: MetricsServer
) -> None:
    vk.site.features = CHANGEABLE
    await vk.start()
    uid = (await vk.create("works"))["metadata"]["uid"]
    await vk.submitted("works")
    vk.site.running()
    await vk.until("works", "Running")
    began = time.time() - 60

    def measure() -> None:
        """One and a half cores since it began."""
        now = time.time()
        used = {"name": "main", "cpuNanoSeconds": int((now - began) * CORES * 1e9), "memoryBytes": MEMORY}
        taken = datetime.fromtimestamp(now, UTC).isoformat()
        vk.site.usage = [{"UID": uid, "time": taken, "started": rfc3339(began), "containers": [used]}]

    async with reader(plane, server.port) as session:

        async def told(path: str) -> dict[str, Any] | None:
            server.check()
            measure()
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{API}/{path}") as response:
                    return await response.json() if response.status == 200 else None
            return None

        pod = await eventually(lambda: told(f"namespaces/{vk.namespace}/pods/works"), 90)
        node = await eventually(lambda: told(f"nodes/{vk.name}"), 30)
    (container,) = pod["containers"]
    assert container["name"] == "main"
    assert amount(container["usage"]["cpu"]) == pytest.approx(CORES, rel=0.2)
    assert amount(container["usage"]["memory"]) == MEMORY
    assert amount(node["usage"]["memory"]) > MEMORY
