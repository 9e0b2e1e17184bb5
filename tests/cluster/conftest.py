"""The platform of this checkout, brought up if it isn't, and pods in a namespace for tests."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pykube
import pytest
from devcluster.paths import Checkout, find_checkout
from pytest_helm_charts.clusters import Cluster

from tests.cluster.pods import Pods

NODES = ("site-schedd", "site-ce")
NAMESPACE = "highrate-tests"


@dataclass(frozen=True)
class Platform:
    """What tests know of the platform beyond its API server."""

    checkout: Checkout

    def devcluster(self, *words: str, timeout: float = 900) -> str:
        command = [sys.executable, "-m", "devcluster", *words]
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=self.checkout.root)
        assert run.returncode == 0, f"{' '.join(words)}: {run.stdout}\n{run.stderr}"
        return run.stdout

    def site(self, *command: str) -> str:
        """Run a command at the site, as root."""
        return self.devcluster("shell", "site", "--", *command)

    def jobs_of(self, uid: str) -> list[str]:
        """Ids of the pool's and the CE's jobs for a pod that have not left the queue."""
        constraint = f'InterlinkPodUID == "{uid}" && JobStatus != 4 && JobStatus != 3'
        asked = ["condor_q", "-allusers", "-af:j", "JobStatus", "-constraint", constraint]
        found = self.site(*asked).splitlines()
        found += self.site("env", "CONDOR_CONFIG=/etc/condor-ce/condor_config", *asked).splitlines()
        return [line for line in found if line.strip()]


@pytest.fixture(scope="session")
def platform() -> Platform:
    found = Platform(find_checkout())
    found.devcluster("up", "--endpoint", "schedd", "--endpoint", "ce", timeout=3000)
    return found


@pytest.fixture(scope="module")
def kube_config(platform: Platform) -> str:
    """Where pytest-helm-charts' `kube_cluster` connects to."""
    return str(platform.checkout.kubeconfig)


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def hello(platform: Platform) -> str:
    """The small image of images/hello."""
    return platform.devcluster("image", "hello").strip()


@pytest.fixture(scope="module")
def namespace(kube_cluster: Cluster) -> str:
    assert kube_cluster.kube_client is not None
    if not pykube.Namespace.objects(kube_cluster.kube_client).get_or_none(name=NAMESPACE):
        pykube.Namespace(kube_cluster.kube_client, {"metadata": {"name": NAMESPACE}}).create()
    return NAMESPACE


@pytest.fixture
def pods(kube_cluster: Cluster, namespace: str) -> Iterator[Pods]:
    assert kube_cluster.kube_client is not None
    found = Pods(kube_cluster.kube_client, namespace, [])
    yield found
    found.clean_up()


@pytest.fixture
def objects(kube_cluster: Cluster, namespace: str) -> Iterator[str]:
    """Name of a ConfigMap and of a Secret with known content."""
    api = kube_cluster.kube_client
    name = f"t-{uuid.uuid4().hex[:10]}"
    metadata = {"name": name, "namespace": namespace}
    made = [
        pykube.ConfigMap(api, {"metadata": metadata, "data": {"text": "hello\n", "other": "other\n"}}),
        pykube.Secret(api, {"metadata": metadata, "stringData": {"key": "s3cret\n"}}),
    ]
    for found in made:
        found.create()
    yield name
    for found in made:
        found.delete()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Jobs take seconds to match and start: give each test here more than the usual time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(int(os.environ.get("HIGHRATE_CLUSTER_TEST_SECONDS", "300"))))
