"""`kubectl debug` on pods that run as jobs, as people use it: through the API server, to both endpoints."""

from typing import Any

import pykube

from tests.cluster.pods import Pods, manifest, shell
from tests.cluster.test_exec_into_pods import LIVES, PATIENCE, Kubectl, Terminal, kubectl, pod

__all__ = ["kubectl", "pod"]  # fixtures


def debugger(obj: dict[str, Any]) -> dict[str, Any]:
    """The state of the container `debugger`; nothing where there is none yet."""
    statuses = obj["status"].get("ephemeralContainerStatuses") or []
    state: dict[str, Any] = next((each["state"] for each in statuses if each["name"] == "debugger"), {})
    return state


def debug(kubectl: Kubectl, pod: pykube.Pod, image: str, *words: str, profile: str = "baseline") -> None:
    """Add the container `debugger` and don't wait for it."""
    flags = [f"--image={image}", "--container=debugger", f"--profile={profile}", "--attach=false"]
    done = kubectl.run("debug", pod.name, *flags, "--", *words)
    assert done.returncode == 0, done.stderr


def test_a_debugger_beside_what_runs(kubectl: Kubectl, pods: Pods, pod: pykube.Pod, hello: str) -> None:
    flags = (f"--image={hello}", "--container=debugger", "--profile=baseline")
    shown = Terminal(kubectl.argv("debug", "-it", pod.name, *flags, "--", "sh"))
    try:
        shown.type("test -t 0 && echo is-a-$((40 + 2))\n")
        shown.wait_for("is-a-42")
        done = kubectl.run("exec", pod.name, "--container=debugger", "--", "echo", "marco")
        assert (done.returncode, done.stdout) == (0, b"marco\n")
        assert b"is-a-42" in kubectl.run("logs", pod.name, "--container=debugger").stdout
        shown.type("exit 5\n")
        shown.process.wait(PATIENCE)
    finally:
        shown.close()
    pods.wait(pod, lambda obj: "terminated" in debugger(obj), "the debugger has ended")
    assert debugger(pod.obj)["terminated"]["exitCode"] == 5
    assert pod.obj["status"]["phase"] == "Running", "its end is nothing to the pod"
    assert b"is-a-42" in kubectl.run("logs", pod.name, "--container=debugger").stdout


def test_one_that_came_while_the_pod_waited_is_started_with_it(
    kubectl: Kubectl, pods: Pods, node: str, hello: str
) -> None:
    made = pods.create(manifest(node, [shell("c", hello, LIVES, stdin=True)], terminationGracePeriodSeconds=1))
    debug(kubectl, made, hello, "sh", "-c", "echo polo; trap 'exit 0' TERM; sleep 1000 & wait")
    pods.wait(made, lambda obj: "running" in debugger(obj), "the debugger runs")
    assert b"polo" in kubectl.run("logs", made.name, "--container=debugger").stdout


def test_a_profile_that_no_job_can_have_is_refused_in_words(
    kubectl: Kubectl, pods: Pods, pod: pykube.Pod, hello: str
) -> None:
    debug(kubectl, pod, hello, "true", profile="general")
    pods.wait(pod, lambda obj: "message" in (debugger(obj).get("waiting") or {}), "the debugger is refused")
    waiting = debugger(pod.obj)["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert "a job's containers have no capabilities: remove it" in waiting["message"]
    pods.wait(
        pod,
        lambda _: any(
            each.startswith("Failed: ephemeral container debugger is not started") for each in pods.events(pod)
        ),
        "an event says so",
    )
    assert pod.obj["status"]["phase"] == "Running"
