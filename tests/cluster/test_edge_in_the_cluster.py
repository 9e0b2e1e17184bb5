"""The other way to install a site: API server and sidecar in the cluster too, driving the site's schedd from there."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pykube
import pytest
from devcluster.charts import assemble
from devcluster.iam import registry
from devcluster.images.reference import UNPACKED
from devcluster.platform import Platform as WholePlatform
from devcluster.release_values import NAMESPACE
from devcluster.site.layout import ENDPOINTS
from pytest_helm_charts.clusters import Cluster

from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell, terminated

CHART = "charts/virtual-node"
RELEASE = "in-cluster"
JOURNAL = "/var/lib/in-cluster-journal"
SERVICES_UID = 10000


def volume() -> list[dict[str, object]]:
    """An administrator's volume for the journal, which outlives the release."""
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeMode": "Filesystem"}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": RELEASE},
            "spec": {**shared, "capacity": size, "hostPath": {"path": JOURNAL}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": RELEASE, "namespace": NAMESPACE},
            "spec": {**shared, "resources": {"requests": size}, "volumeName": RELEASE},
        },
    ]


@pytest.fixture(scope="module")
def in_cluster(platform: Platform, kube_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    whole = WholePlatform(platform.checkout)
    folder = tmp_path_factory.mktemp("release")
    image, endpoint = whole.image("services"), ENDPOINTS["schedd"]
    secret = b64encode(platform.site.secrets.clients[registry.SIDECAR].encode()).decode()
    values = {
        "nodeName": RELEASE,
        "image": {"repository": image.repository, "tag": image.tag},
        "namespaces": [NAMESPACE, "highrate-tests"],
        "edge": {"mode": "cluster", "storage": {"existingClaim": RELEASE}},
        "condor": {
            "collector": endpoint.collector,
            "schedd": endpoint.schedd,
            "settings": {"images": {"unpacked_roots": [UNPACKED]}, "poll": {"busy": 1, "live": 2, "idle": 10}},
        },
        "token": {
            "issuer": registry.ISSUER,
            "clientId": registry.SIDECAR,
            "audience": registry.SITE_AUDIENCE,
            "scope": "compute.read compute.create compute.modify compute.cancel",
            "existingSecret": f"{RELEASE}-token",
        },
        "caBundle": {"certificates": platform.site.ca_file.read_text()},
    }
    platform.node.run(["install", "-d", "-o", str(SERVICES_UID), "-m", "700", JOURNAL])
    whole.kubectl.apply(
        [
            *volume(),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": f"{RELEASE}-token", "namespace": NAMESPACE},
                "data": {"client-secret": secret},
            },
        ]
    )
    given = folder / "values.json"
    given.write_text(json.dumps(values))
    chart = assemble(platform.checkout.root / CHART, folder)
    helm = [str(whole.helm), f"--kubeconfig={platform.checkout.kubeconfig}", f"--namespace={NAMESPACE}"]
    _run([*helm, "upgrade", "--install", RELEASE, str(chart), f"--values={given}", "--wait", "--timeout=150s"])
    try:
        yield RELEASE
    finally:
        _run([*helm, "uninstall", RELEASE, "--wait", "--timeout=120s"])
        for kind, name in (("node", RELEASE), ("secret", f"{RELEASE}-token"), ("pvc", RELEASE), ("pv", RELEASE)):
            whole.kubectl("delete", kind, name, f"--namespace={NAMESPACE}", "--ignore-not-found", "--wait=false")


def _run(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"{Path(command[0]).name}: {run.stderr}"


def test_a_pod_runs_at_the_site_without_an_edge_there(pods: Pods, in_cluster: str, hello: str) -> None:
    pod = pods.run(manifest(in_cluster, [shell("c", hello, "echo from the cluster; exit 5")]), seconds=150)
    assert pod.obj["status"]["phase"] == "Failed", pods.story(pod)
    assert terminated(pod, "c")["exitCode"] == 5
    assert pods.logs(pod) == "from the cluster\n"


def test_the_sidecar_finds_its_pods_again_after_its_own_end(
    pods: Pods, in_cluster: str, hello: str, kube_cluster: Cluster
) -> None:
    pod = pods.create(manifest(in_cluster, [shell("c", hello, "sleep 25; echo still here")]))
    pods.wait_for_phase(pod, "Running")
    edge = pykube.Pod.objects(kube_cluster.kube_client).filter(namespace=NAMESPACE).get(name=f"{RELEASE}-edge-0")
    edge.delete()
    pods.wait_for_phase(pod, "Succeeded", "Failed", seconds=150)
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert pods.logs(pod) == "still here\n"
