"""The other way to install a site: API server and sidecar in the cluster too, driving the site's schedd from there."""

import json
import subprocess
import uuid
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pykube
import pytest
from devcluster.addresses import HUB_NAME
from devcluster.charts import assemble
from devcluster.commands import CommandFailed
from devcluster.iam import registry
from devcluster.images.reference import UNPACKED
from devcluster.platform import Platform as WholePlatform
from devcluster.release_values import HUB_CERTIFICATE, NAMESPACE
from devcluster.site.layout import ENDPOINTS
from pytest_helm_charts.clusters import Cluster

from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell, terminated

CHART = "charts/virtual-node"
RELEASE = "in-cluster"
JOURNAL = "/var/lib/in-cluster-journal"
SERVICES_UID = 10000
CHANNEL_PORT = 30460
"""Of the node, beside those of hub and relay; jobs dial it by the hub's name, for which there is a certificate."""
STORAGE_CLASS = "site-scratch"
SCRATCH = "/srv/in-cluster-scratch"
"""Where the site has the claims of that class, a folder for each."""


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
            "settings": {
                "images": {"unpacked_roots": [UNPACKED]},
                "poll": {"busy": 1, "live": 2, "idle": 10},
                "volumes": [
                    {
                        "storage_class": STORAGE_CLASS,
                        "path": f"{SCRATCH}/{{namespace}}/{{claim}}",
                        "read_only": False,
                        "create": True,
                    }
                ],
            },
        },
        "channel": {
            "enabled": True,
            "url": f"wss://{HUB_NAME}:{CHANNEL_PORT}/job-channel",
            "existingTlsSecret": HUB_CERTIFICATE,
            "authorities": {"certificates": platform.site.ca_file.read_text()},
            "service": {"type": "NodePort", "nodePort": CHANNEL_PORT},
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
    platform.site.run(["install", "-d", "-m", "1777", SCRATCH])
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
        platform.site.run(["rm", "-rf", SCRATCH])


@pytest.fixture
def claim(platform: Platform, kube_cluster: Cluster, namespace: str) -> Iterator[str]:
    """A claim of the class that the site has a place for, bound to a volume that is nowhere in the cluster."""
    api = kube_cluster.kube_client
    name = f"t-{uuid.uuid4().hex[:10]}"
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": STORAGE_CLASS}
    nowhere = {"server": "nowhere.example.org", "path": "/"}
    volume = pykube.PersistentVolume(
        api, {"metadata": {"name": name}, "spec": {**shared, "capacity": size, "nfs": nowhere}}
    )
    claimed = pykube.PersistentVolumeClaim(
        api,
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**shared, "resources": {"requests": size}, "volumeName": name},
        },
    )
    for made in (volume, claimed):
        made.create()
    yield name
    for made in (claimed, volume):
        made.delete()


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


def test_commands_and_the_log_of_a_running_pod_come_by_the_releases_own_channel(
    platform: Platform, pods: Pods, in_cluster: str, hello: str
) -> None:
    """Each waits for the other: what is told by polling alone gets nowhere."""
    kubectl = WholePlatform(platform.checkout).kubectl
    script = (
        "echo ready; until [ -e /tmp/go ]; do sleep 0.2; done; echo went; until [ -e /tmp/end ]; do sleep 0.2; done"
    )
    pod = pods.create(manifest(in_cluster, [shell("c", hello, script)]))
    pods.wait_for_phase(pod, "Running", seconds=150)
    words = ("exec", pod.name, f"--namespace={pods.namespace}", "--")
    lines = pods.follow(pod)
    assert next(lines) == "ready"
    assert kubectl(*words, "sh", "-c", "touch /tmp/go && echo asked") == "asked\n"
    assert next(lines) == "went"
    with pytest.raises(CommandFailed) as failed:
        kubectl(*words, "sh", "-c", "exit 7")
    assert failed.value.status == 7
    kubectl(*words, "touch", "/tmp/end", check=False)  # it may end with the container
    assert list(lines) == []
    pods.wait_for_phase(pod, "Succeeded", "Failed")
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)


def test_a_claim_is_the_sites_folder_for_it(
    platform: Platform, pods: Pods, in_cluster: str, hello: str, claim: str
) -> None:
    """The site has never seen the claim: the first job makes its folder, and the next one finds what was left there."""

    def mounting(script: str) -> pykube.Pod:
        container = shell("c", hello, script, volumeMounts=[{"name": "data", "mountPath": "/data"}])
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
        pod = pods.run(manifest(in_cluster, [container], volumes=volumes), seconds=150)
        assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
        return pod

    mounting("echo kept > /data/file")
    assert pods.logs(mounting("cat /data/file")) == "kept\n"
    assert platform.site.run(["cat", f"{SCRATCH}/{pods.namespace}/{claim}/file"]).stdout == "kept\n"


def test_a_claim_without_a_place_at_the_site_is_refused_with_what_it_offers(
    pods: Pods, in_cluster: str, hello: str
) -> None:
    container = shell("c", hello, "true", volumeMounts=[{"name": "data", "mountPath": "/data"}])
    volumes = [{"name": "data", "csi": {"driver": "other.example.org"}}]
    pod = pods.run(manifest(in_cluster, [container], volumes=volumes))
    assert pod.obj["status"]["phase"] == "Failed"
    assert 'CSI driver "other.example.org"' in pod.obj["status"]["message"]
    assert f'storage class "{STORAGE_CLASS}"' in pod.obj["status"]["message"]
