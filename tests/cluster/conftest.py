"""The platform of this checkout, brought up if it isn't, and pods in a namespace for tests."""

import fcntl
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pykube
import pytest
from devcluster.machine import Machine
from devcluster.paths import Checkout, find_checkout
from devcluster.platform import Platform as WholePlatform
from devcluster.site.access import Site, running_site
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

    @property
    def node(self) -> Machine:
        """The machine of Kubernetes."""
        return WholePlatform(self.checkout).node

    @cached_property
    def site(self) -> Site:
        return running_site(self.checkout)

    def jobs_of(self, uid: str) -> list[str]:
        """Ids of the pool's and the compute element's jobs for a pod that have not ended."""
        constraint = f'InterlinkPodUID == "{uid}" && JobStatus != 4 && JobStatus != 3'
        asked = ["condor_q", "-allusers", "-af:j", "JobStatus", "-constraint", constraint]
        found = [line for ce in (False, True) for line in self.site.run(asked, ce=ce).stdout.splitlines()]
        return [line for line in found if line.strip()]

    def jobs_of_pods(self, uids: Collection[str], *, started: bool = False) -> Counter[str]:
        """How many jobs the pool's schedd ever had for each of these pods, in its queue and in its history.

        ``started``: only those that ran. A sidecar that is killed between submission and spooling leaves a job that never starts.
        NumJobStarts is late: the pod of a brief job may have ended before the queue has it.
        """
        found: Counter[str] = Counter()
        chosen = ["-constraint", "NumJobStarts > 0 || JobStartDate =!= undefined"] if started else []
        for command in ("condor_q", "condor_history"):
            scope = ["-allusers"] if command == "condor_q" else []
            text = self.site.run([command, *scope, *chosen, "-af", "InterlinkPodUID"]).stdout
            found.update(uid for uid in text.split() if uid in uids)
        return found


def note_of_run(checkout: Checkout) -> Path:
    """Holds the run of tests that the platform was last brought up for."""
    return checkout.run / "tests"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What failed may have left the platform broken: it is repaired before the next tier."""
    well = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if not well and not hasattr(session.config, "workerinput"):
        note_of_run(find_checkout()).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def platform(testrun_uid: str) -> Platform:
    """Brought up or repaired once per run, whichever worker comes first; tools/test is one run of several tiers."""
    run = os.environ.get("HIGHRATE_TEST_RUN", testrun_uid)
    found = Platform(find_checkout())
    note_of_run(found.checkout).parent.mkdir(parents=True, exist_ok=True)
    with note_of_run(found.checkout).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        if note.read() != run:
            found.devcluster("up", timeout=3000)
            note.truncate(0)
            note.write(run)
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
    return WholePlatform(platform.checkout).image("hello").reference


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
