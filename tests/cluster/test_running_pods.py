"""What changes in the cluster reaches pods that run as jobs, and what goes on in their jobs is seen in the cluster."""

import base64
import json
import time
from typing import Any

import pykube
import pytest
from devcluster.kubernetes.cluster import Kubectl
from devcluster.platform import Platform as WholePlatform
from pytest_helm_charts.clusters import Cluster

from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell

PATIENCE = 150
AUDIENCE = "https://service.example.org"
LIVES = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
# its own process, so that nothing but what it holds is counted
HOLDS_100_MIB = "import time; held = b'x' * (100 << 20); time.sleep(600)"


@pytest.fixture
def kubectl(platform: Platform) -> Kubectl:
    return WholePlatform(platform.checkout).kubectl


def test_a_changed_secret_reaches_a_running_pod(
    pods: Pods, node: str, hello: str, objects: str, kube_cluster: Cluster
) -> None:
    script = 'cat /secret/key; until [ "$(cat /secret/key)" = changed ]; do sleep 0.5; done; cat /secret/key'
    container = shell("c", hello, script, volumeMounts=[{"name": "secret", "mountPath": "/secret"}])
    volumes = [{"name": "secret", "secret": {"secretName": objects}}]
    pod = pods.create(manifest(node, [container], volumes=volumes, terminationGracePeriodSeconds=1))
    pods.wait_for_phase(pod, "Running")
    lines = pods.follow(pod, PATIENCE)
    assert next(lines) == "s3cret"
    secret = pykube.Secret.objects(kube_cluster.kube_client).filter(namespace=pods.namespace).get(name=objects)
    secret.patch({"stringData": {"key": "changed\n"}})
    assert list(lines) == ["changed"]
    pods.wait_for_phase(pod, "Succeeded")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_token_is_renewed_in_a_running_pod_before_it_ends(pods: Pods, node: str, hello: str) -> None:
    """Ten minutes are the shortest life that Kubernetes gives a token."""
    payload = "cut -d. -f2 /token/token"
    script = f'first=$({payload}); echo "$first"; until [ "$({payload})" != "$first" ]; do sleep 1; done; {payload}'
    container = shell("c", hello, script, volumeMounts=[{"name": "token", "mountPath": "/token"}])
    source = {"serviceAccountToken": {"path": "token", "audience": AUDIENCE, "expirationSeconds": 600}}
    volumes = [{"name": "token", "projected": {"sources": [source]}}]
    pod = pods.create(manifest(node, [container], volumes=volumes, terminationGracePeriodSeconds=1))
    pods.wait_for_phase(pod, "Running")
    first, second = (claims(line) for line in pods.follow(pod, 900))
    assert time.time() < first["exp"], "it had ended before there was another"
    assert second["exp"] > first["exp"]
    assert first["aud"] == second["aud"] == [AUDIENCE]
    assert first["kubernetes.io"]["pod"]["name"] == pod.name


def claims(payload: str) -> dict[str, Any]:
    """What a JSON web token says, of its middle part."""
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_probes_that_fail_and_containers_that_crash_are_events(pods: Pods, node: str, hello: str) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo not yet; exit 1"]}, "periodSeconds": 1, "timeoutSeconds": 30}
    containers = [shell("unready", hello, LIVES, readinessProbe=probe), shell("crashes", hello, "exit 3")]
    pod = pods.create(manifest(node, containers, restartPolicy="Always", terminationGracePeriodSeconds=1))

    def told(reason: str) -> list[str]:
        return [event for event in pods.events(pod) if event.startswith(f"{reason}: ")]

    pods.wait(pod, lambda _: bool(told("Unhealthy") and told("BackOff")), "both are told", PATIENCE)
    assert "Readiness probe failed: not yet" in told("Unhealthy")[0]
    assert "restarting failed container crashes" in told("BackOff")[0]
    pod.reload()
    statuses = {each["name"]: each for each in pod.obj["status"]["containerStatuses"]}
    assert (statuses["unready"]["ready"], statuses["unready"]["restartCount"]) == (False, 0)
    assert statuses["crashes"]["restartCount"] >= 1
    assert statuses["crashes"]["lastState"]["terminated"]["exitCode"] == 3


def test_kubectl_top_shows_what_a_job_uses(pods: Pods, node: str, hello: str, kubectl: Kubectl) -> None:
    container = {"name": "c", "image": hello, "command": ["python3", "-c", HOLDS_100_MIB]}
    pod = pods.create(manifest(node, [container], terminationGracePeriodSeconds=1))
    pods.wait_for_phase(pod, "Running")
    words = ("top", "pod", pod.name, f"--namespace={pods.namespace}", "--no-headers")

    def shown(_: object) -> bool:
        # until metrics-server has seen it twice, there is no such pod for it
        found = kubectl(*words, check=False).split()
        return len(found) == 3 and found[2].endswith("Mi") and 100 <= int(found[2].removesuffix("Mi")) < 200

    pods.wait(pod, shown, "kubectl top shows 100 MiB and a little", PATIENCE)


def test_who_may_ask_a_virtual_node_for_its_health_gets_it(node: str, kubectl: Kubectl) -> None:
    assert kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/healthz") == "ok"
