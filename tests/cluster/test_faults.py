"""What breaks, breaks: no pod is lost, none runs twice, none fails for another's fault, and all recovers by itself."""

import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pykube
import pytest
from devcluster.site.edge import program_name
from devcluster.site.edge_config import INTERLINK, PROXY, SIDECAR, EdgeFolders
from devcluster.site.layout import ENDPOINTS
from pytest_helm_charts.clusters import Cluster

from tests.cluster.conftest import Platform
from tests.cluster.pods import PHASES_OF_AN_END, Pods, create_many, manifest, shell, terminated, uid, wait_for_all

pytestmark = pytest.mark.alone

NODE = "site-schedd"
MODE = "schedd"
UNREACHABLE = "InterlinkConnectivity"


def connectivity(cluster: Cluster, node: str) -> dict[str, Any]:
    seen = pykube.Node.objects(cluster.kube_client).get(name=node).obj
    conditions = {c["type"]: c for c in seen["status"]["conditions"]}
    found: dict[str, Any] = conditions[UNREACHABLE]
    found["taints"] = [t["key"] for t in seen["spec"].get("taints", [])]
    found["ready"] = conditions["Ready"]["status"]
    return found


def wait_for_connectivity(
    cluster: Cluster, node: str, status: str, reason: str = "", seconds: float = 90
) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (found := connectivity(cluster, node))["status"] != status or reason not in found["reason"]:
        assert time.monotonic() < end, found
        time.sleep(0.5)
    return found


@contextmanager
def changed_file(platform: Platform, path: str, old: str, new: str, program: str) -> Iterator[None]:
    """Run a program of the edge with a changed configuration."""
    machine = platform.site.machine
    text = machine.path(path).read_text()
    assert old in text, f"{old} is not in {path}"
    machine.write(path, text.replace(old, new))
    machine.restart(program)
    try:
        yield
    finally:
        machine.write(path, text)
        machine.restart(program)


@pytest.mark.timeout(900)
def test_killing_every_service_again_and_again_loses_and_doubles_no_pod(
    pods: Pods, hello: str, platform: Platform
) -> None:
    """kill -9 of the virtual kubelet, the API server and the sidecar while fifty pods start."""
    site = platform.site.machine
    victims = [(platform.node, "virtual-kubelet")]
    victims += [(site, f"/{MODE}/{service}.yaml") for service in (INTERLINK, SIDECAR, PROXY)]
    stop = threading.Event()
    kills: list[str] = []

    def kill() -> None:
        chance = random.Random(1)
        while not stop.wait(chance.uniform(0.5, 2.0)):
            machine, pattern = chance.choice(victims)
            if machine.run(["pkill", "-KILL", "-f", pattern], check=False).returncode == 0:
                kills.append(pattern)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        made = create_many(pods, NODE, 50, hello)
        time.sleep(20)
    finally:
        stop.set()
        killer.join()
    assert len(set(kills)) == len(victims), f"not every service was killed: {kills}"
    wait_for_all(pods, made, 600)
    assert [pods.story(p) for p in made if p.obj["status"]["phase"] != "Succeeded"] == []
    uids = [uid(p) for p in made]
    assert platform.jobs_of_pods(uids, started=True) == dict.fromkeys(uids, 1)
    assert [job for each in uids for job in platform.jobs_of(each)] == [], "a job that nobody waits for"


def test_a_schedd_that_is_down_delays_a_pod_and_no_more(pods: Pods, hello: str, platform: Platform) -> None:
    platform.site.run(["condor_off", "-schedd", "-fast"])
    try:
        pod = pods.create(manifest(NODE, [shell("c", hello, "echo at last")]))

        def told(obj: dict[str, Any]) -> bool:
            text = json.dumps(obj["status"]) + " ".join(pods.events(pod))
            return "schedd" in text.lower() and obj["status"]["phase"] == "Pending"

        pods.wait(pod, told, "a word about the schedd, in the status or an event")
    finally:
        platform.site.run(["condor_on", "-schedd"])
    pods.wait_for_phase(pod, *PHASES_OF_AN_END, seconds=180)
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert platform.jobs_of_pods([uid(pod)]) == {uid(pod): 1}


@pytest.mark.timeout(600)
def test_a_token_that_is_refused_shows_on_the_node_and_hurts_no_pod(
    pods: Pods, hello: str, platform: Platform, kube_cluster: Cluster
) -> None:
    """One site asks for another group, the other, at the same time, for another audience."""

    def refuse(mode: str, old: str, new: str, reason: str) -> None:
        node = ENDPOINTS[mode].node_name
        running = pods.create(manifest(node, [shell("c", hello, "sleep 600")], terminationGracePeriodSeconds=1))
        pods.wait_for_phase(running, "Running")
        proxy = str(EdgeFolders(ENDPOINTS[mode]).file(PROXY))
        with changed_file(platform, proxy, old, new, program_name(mode, PROXY)):
            seen = wait_for_connectivity(kube_cluster, node, "False", reason)
            assert seen["ready"] == "True"
            assert any("unreachable" in key for key in seen["taints"]), seen
            events = pykube.Event.objects(kube_cluster.kube_client).filter(
                namespace=pykube.all, field_selector={"involvedObject.name": node}
            )
            assert any(reason in str(e.obj.get("message")) + str(e.obj.get("reason")) for e in events)
            late = pods.create(manifest(node, [shell("c", hello, "echo late")]))
            running.reload()
            assert running.obj["status"]["phase"] == "Running"
        seen = wait_for_connectivity(kube_cluster, node, "True")
        assert not any("unreachable" in key for key in seen["taints"])
        pods.wait_for_phase(late, *PHASES_OF_AN_END, seconds=120)
        assert late.obj["status"]["phase"] == "Succeeded", pods.story(late)
        running.reload()
        assert running.obj["status"]["phase"] == "Running"

    with ThreadPoolExecutor() as both:
        outcomes = [
            both.submit(refuse, "schedd", "highrate/edge", "somebody/else", "Forbidden"),
            both.submit(refuse, "ce", "highrate-edge", "another-audience", "Unauthorized"),
        ]
    if failures := [error for outcome in outcomes if (error := outcome.exception())]:
        raise BaseExceptionGroup("at one of the sites or both", failures)


def test_a_delete_is_kept_until_it_is_done(pods: Pods, hello: str, platform: Platform) -> None:
    pod = pods.create(manifest(NODE, [shell("c", hello, "sleep 600")], terminationGracePeriodSeconds=1))
    pods.wait_for_phase(pod, "Running")
    with platform.site.machine.without(program_name(MODE, INTERLINK)):
        pod.delete()
        tried = "the delete was tried in vain"
        pods.wait(pod, lambda _: any("ProviderDeleteFailed" in event for event in pods.events(pod)), tried)
        assert pod.exists(), "the object went before the site took the delete"
        assert platform.jobs_of(uid(pod))
    pods.wait_until_gone(pod, 120)
    end = time.monotonic() + 60
    while platform.jobs_of(uid(pod)):
        assert time.monotonic() < end, "the job outlives its pod"
        time.sleep(0.5)


def test_a_pod_that_is_killed_at_the_site_is_not_called_succeeded(pods: Pods, hello: str, platform: Platform) -> None:
    pod = pods.create(manifest(NODE, [shell("c", hello, "sleep 600")], terminationGracePeriodSeconds=1))
    pods.wait_for_phase(pod, "Running")
    platform.site.run(["condor_rm", "-constraint", f'InterlinkPodUID == "{uid(pod)}"'])
    pods.wait_for_phase(pod, *PHASES_OF_AN_END)
    assert pod.obj["status"]["phase"] == "Failed", pods.story(pod)
    end = terminated(pod, "c")
    assert end["exitCode"] in (137, 143), end
    assert "condor_rm" in end["message"], "HTCondor's own words are missing"
