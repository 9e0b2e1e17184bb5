"""Pods on a virtual node, as a user makes and watches them."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pykube
import requests

PHASES_OF_AN_END = ("Succeeded", "Failed")
PATIENCE = 200.0  # seconds: a pod may wait for a slot behind a hundred of another test's
TAINT = "virtual-node.interlink/no-schedule"


def manifest(node: str, containers: Sequence[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    """A pod for the virtual node `node`; nothing is set that a user would leave out."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"t-{uuid.uuid4().hex[:10]}"},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"key": TAINT, "operator": "Exists"}],
            "restartPolicy": "Never",
            "containers": list(containers),
            **spec,
        },
    }


def shell(name: str, image: str, script: str, **fields: Any) -> dict[str, Any]:
    """A container that runs `script`."""
    return {"name": name, "image": image, "command": ["sh", "-c", script], **fields}


@dataclass
class Pods:
    """Makes pods in one namespace, waits for them with deadlines, and removes them in the end."""

    api: pykube.HTTPClient
    namespace: str
    made: list[pykube.Pod]

    def create(self, body: dict[str, Any]) -> pykube.Pod:
        body["metadata"]["namespace"] = self.namespace
        pod = pykube.Pod(self.api, body)
        pod.create()
        self.made.append(pod)
        return pod

    def wait(
        self, pod: pykube.Pod, until: Callable[[dict[str, Any]], bool], what: str, seconds: float = PATIENCE
    ) -> None:
        """Poll the pod until `until(pod)` holds; fails with the pod's status and events otherwise."""
        end = time.monotonic() + seconds
        while True:
            pod.reload()
            if until(pod.obj):
                return
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds} s; {self.story(pod)}")
            time.sleep(0.3)

    def wait_for_phase(self, pod: pykube.Pod, *phases: str, seconds: float = PATIENCE) -> str:
        self.wait(pod, lambda obj: obj["status"].get("phase") in phases, f"phase {phases}", seconds)
        phase: str = pod.obj["status"]["phase"]
        return phase

    def run(self, body: dict[str, Any], seconds: float = PATIENCE) -> pykube.Pod:
        """Create a pod and wait for its end."""
        pod = self.create(body)
        self.wait_for_phase(pod, *PHASES_OF_AN_END, seconds=seconds)
        return pod

    def logs(self, pod: pykube.Pod, container: str | None = None, **options: Any) -> str:
        text: str = pod.logs(container=container or pod.obj["spec"]["containers"][0]["name"], **options)
        return text

    def follow(self, pod: pykube.Pod, seconds: float = PATIENCE) -> Iterator[str]:
        """Lines of a followed log, as they come."""
        url = f"namespaces/{self.namespace}/pods/{pod.name}/log"
        response: requests.Response = self.api.get(
            version="v1", url=url, params={"follow": "true"}, stream=True, timeout=seconds
        )
        response.raise_for_status()
        yield from (line.decode() for line in response.iter_lines(chunk_size=1))

    def events(self, pod: pykube.Pod) -> list[str]:
        selector = {"involvedObject.uid": pod.obj["metadata"]["uid"]}
        found = pykube.Event.objects(self.api).filter(namespace=self.namespace, field_selector=selector)
        return [f"{e.obj.get('reason')}: {e.obj.get('message')}" for e in found]

    def story(self, pod: pykube.Pod) -> str:
        return f"status {pod.obj.get('status')}, events {self.events(pod)}"

    def wait_until_gone(self, pod: pykube.Pod, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while pod.exists():
            assert time.monotonic() < end, f"still there: {self.story(pod)}"
            time.sleep(0.3)

    def clean_up(self) -> None:
        for pod in self.made:
            if pod.exists():
                pod.delete()
        for pod in self.made:
            self.wait_until_gone(pod)


def uid(pod: pykube.Pod) -> str:
    found: str = pod.obj["metadata"]["uid"]
    return found


def terminated(pod: pykube.Pod, container: str, kind: str = "containerStatuses") -> dict[str, Any]:
    """The terminated state of a container."""
    statuses = {s["name"]: s for s in pod.obj["status"].get(kind) or []}
    state: dict[str, Any] = statuses[container]["state"]
    assert "terminated" in state, statuses
    found: dict[str, Any] = state["terminated"]
    return found


def create_many(pods: Pods, node: str, count: int, image: str) -> list[pykube.Pod]:
    """Pods that run for two seconds."""
    body = "echo started; sleep 2; echo ended"
    return [pods.create(manifest(node, [shell("c", image, body)])) for _ in range(count)]


def wait_for_all(pods: Pods, made: list[pykube.Pod], seconds: float) -> None:
    for pod in made:
        pods.wait_for_phase(pod, *PHASES_OF_AN_END, seconds=seconds)
