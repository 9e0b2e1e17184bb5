"""The programs of Kubernetes are killed hard; they come back by themselves, `up` finds nothing broken, and nothing is forgotten."""

import time

import pykube
import pytest
from devcluster.machine import Machine
from pytest_helm_charts.clusters import Cluster

from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell

pytestmark = pytest.mark.alone

KILLED = ("etcd", "kube-apiserver", "containerd")


def starts(machine: Machine) -> dict[str, int]:
    """How often each of them was started, of those that run."""
    states = machine.programs()
    return {name: states[name].starts for name in KILLED if name in states and states[name].pid}


@pytest.mark.timeout(300)
def test_up_repairs_a_control_plane_that_was_killed(
    platform: Platform, kube_cluster: Cluster, pods: Pods, objects: str, hello: str
) -> None:
    machine = platform.node
    before = starts(machine)
    assert before.keys() == set(KILLED), machine.programs()
    pids = [str(machine.programs()[name].pid) for name in KILLED]
    machine.run(["kill", "-KILL", *pids])

    platform.devcluster("up")

    end = time.monotonic() + 60
    while any(starts(machine).get(name, 0) <= before[name] for name in KILLED):
        assert time.monotonic() < end, machine.programs()
        time.sleep(0.2)
    platform.devcluster("status", "--quiet")
    kept = pykube.ConfigMap.objects(kube_cluster.kube_client, namespace=pods.namespace).get(name=objects)
    assert kept.obj["data"]["text"] == "hello\n", "etcd forgot what it had"
    pod = pods.run(manifest("site-schedd", [shell("c", hello, "echo repaired")]))
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
