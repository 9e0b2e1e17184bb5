"""The demonstration: an ordinary pod, applied with kubectl, runs as an HTCondor job, and its log and exit code come back."""

import json
import time
from typing import Any

import yaml
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax

from devcluster.kubernetes.cluster import Kubectl, NotReady
from devcluster.platform import Platform
from devcluster.release_values import POD_NAMESPACE
from devcluster.site.access import running_site
from devcluster.site.layout import ENDPOINTS

POD = "hello"
PATIENCE = 240.0
_ENDED = ("Succeeded", "Failed")


def hello_pod(endpoint: str, image: str) -> dict[str, Any]:
    """A pod like any other, but for the node that it asks for."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": POD_NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {"kubernetes.io/hostname": ENDPOINTS[endpoint].node_name},
            "tolerations": [{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}],
            "containers": [
                {
                    "name": "hello",
                    "image": image,
                    "args": ["HTCondor", "Kubernetes"],
                    "resources": {"requests": {"cpu": "1", "memory": "200Mi"}},
                }
            ],
        },
    }


def run_demo(platform: Platform, endpoint: str, console: Console) -> int:
    """Run the pod and show what comes back; its container's exit code. Raises NotReady if it doesn't end."""
    kubectl = platform.kubectl
    manifest = hello_pod(endpoint, platform.image("hello").reference)
    console.print(
        Panel(Syntax(yaml.safe_dump(manifest, sort_keys=False), "yaml", background_color="default"), title="the pod")
    )
    kubectl("delete", "pod", POD, f"--namespace={POD_NAMESPACE}", "--ignore-not-found", "--wait")
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    pod = _follow(kubectl, console)
    console.print(Panel(kubectl("logs", POD, f"--namespace={POD_NAMESPACE}").rstrip(), title="kubectl logs hello"))
    code = _exit_code(pod)
    console.print(f"pod {pod['status']['phase']} with exit code {code} on node {pod['spec']['nodeName']}")
    for job in _jobs(platform, endpoint, pod["metadata"]["uid"]):
        console.print(f"HTCondor job {job}", highlight=False)
    return code


def _follow(kubectl: Kubectl, console: Console) -> dict[str, Any]:
    """Show each change of the pod until it has ended."""
    limit = time.monotonic() + PATIENCE
    begin = time.monotonic()
    shown = ""
    while time.monotonic() < limit:
        pod: dict[str, Any] = json.loads(kubectl("get", "pod", POD, f"--namespace={POD_NAMESPACE}", "-o=json"))
        state = _state(pod)
        if state != shown:
            console.print(f"{time.monotonic() - begin:6.1f} s  {state}", highlight=False, markup=False, soft_wrap=True)
            shown = state
        if pod["status"]["phase"] in _ENDED:
            return pod
        time.sleep(0.5)
    events = kubectl("get", "events", f"--namespace={POD_NAMESPACE}", "-o=custom-columns=:.reason,:.message")
    raise NotReady(f"the pod did not end within {PATIENCE:.0f} s, it is: {shown}\n{events}")


def _jobs(platform: Platform, endpoint: str, uid: str) -> list[str]:
    """What the site's own tools know of the pod's job, in queue or history; behind a compute element there are two."""
    site = running_site(platform.checkout)
    found = []
    for ce in (True, False) if endpoint == "ce" else (False,):
        for tool in (["condor_q", "-allusers"], ["condor_history"]):
            about = ["-constraint", f'InterlinkPodUID == "{uid}"', "-af:j", "Owner", "LastRemoteHost"]
            lines = site.run([*tool, *about], ce=ce, check=False).stdout.splitlines()
            found += [_in_words(line.split(), "the compute element" if ce else "the pool") for line in lines]
    return found


def _in_words(columns: list[str], queue: str) -> str:
    job, owner, *hosts = columns
    ran = [f" on {host}" for host in hosts if host != "undefined"]
    return f"{job} of {owner} in {queue}{''.join(ran)}"


def _state(pod: dict[str, Any]) -> str:
    """The phase and, in words, what the container is at."""
    status = pod["status"]
    words = [status["phase"], status.get("reason", ""), status.get("message", "")]
    for each in status.get("containerStatuses", []):
        for kind, details in each.get("state", {}).items():
            words += [f"({kind})", details.get("reason", ""), details.get("message", "")]
    return " ".join(word for word in words if word)


def _exit_code(pod: dict[str, Any]) -> int:
    for each in pod["status"].get("containerStatuses", []):
        ended = each.get("state", {}).get("terminated")
        if ended:
            return int(ended["exitCode"])
    return 1
