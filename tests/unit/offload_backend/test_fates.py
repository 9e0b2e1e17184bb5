"""What a pod's status means, and what its user is told."""

from typing import Any

import pytest
from offload_backend.core import cluster_end
from offload_backend.core.cluster_end import LastSeen, sentence
from offload_backend.core.fate import DELETED, Fate, Stage, fate, hopeless


def pod(phase: str = "Pending", state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    containers = [{"name": "dask", "state": state}] if state else []
    spec = {"containers": [{"name": "dask", "image": "registry.test/lab:1"}]}
    return {"metadata": {}, "spec": spec, "status": {"phase": phase, "containerStatuses": containers, **status}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available",
}
HELD = "HTCondor job 12.0 is held: Job has gone over memory limit"


@pytest.mark.parametrize(
    ("found", "stage", "reason", "said"),
    [
        ({}, Stage.WAITING, "Pending", ""),
        (pod(), Stage.WAITING, "Pending", ""),
        (pod(conditions=[UNSCHEDULED]), Stage.WAITING, "Unschedulable", "0/3 nodes are available"),
        (pod(state=waiting("ContainerCreating")), Stage.WAITING, "Pending", ""),
        (pod(state=waiting("JobHeld", HELD)), Stage.WAITING, "JobHeld", HELD),
        (pod(state=waiting("Pending", "job 1.0 waits for a free slot")), Stage.WAITING, "Pending", "free slot"),
        (pod(state=waiting("ImagePullBackOff")), Stage.WAITING, "ImagePullBackOff", ""),
        (pod("Running", {"running": {}}), Stage.RUNNING, "", ""),
        (pod("Succeeded", ended(0, "Completed")), Stage.ENDED, "Completed", "ended by itself"),
        (pod("Failed", ended(1, message="No such file")), Stage.FAILED, "Error", "exit code 1. No such file"),
        (pod("Failed", ended(137, "OOMKilled")), Stage.FAILED, "OOMKilled", "give workers more (worker_memory)"),
        (pod("Failed", reason="Evicted", message="low on disk"), Stage.FAILED, "Evicted", "took it off: low on disk"),
        (pod("Failed", reason="DeadlineExceeded", message="x"), Stage.FAILED, "DeadlineExceeded", "wall time was over"),
        (pod("Failed", reason="ProviderFailed", message="spec.x: no"), Stage.FAILED, "ProviderFailed", "spec.x: no"),
        (pod("Failed"), Stage.FAILED, "Error", "exit code None"),
        ({**pod("Running"), "metadata": {"deletionTimestamp": "now"}}, Stage.LEAVING, "Deleted", "was deleted"),
        ({**pod("Succeeded"), "metadata": {"deletionTimestamp": "now"}}, Stage.FAILED, "Deleted", "was deleted"),
        (pod("Failed", ended(1, message="a\nValueError: b\n\n")), Stage.FAILED, "Error", "exit code 1. ValueError: b"),
    ],
)
def test_a_status_becomes_a_stage_a_word_and_a_sentence(found: Any, stage: Stage, reason: str, said: str) -> None:
    seen = fate(found)
    assert (seen.stage, seen.reason) == (stage, reason)
    assert said in seen.message
    assert seen.over == (stage in (Stage.ENDED, Stage.FAILED))


def test_a_long_message_keeps_its_end() -> None:
    seen = fate(pod("Failed", ended(1, message="x" * 100_000 + "the error")))
    assert seen.message.endswith("the error")
    assert len(seen.message) < 2200


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (waiting("InvalidImageName"), '"registry.test/lab:1" is no image reference.'),
        (waiting("ErrImageNeverPull"), "may not be fetched there"),
        (waiting("ErrImagePull", "rpc: manifest unknown"), 'There is no image "registry.test/lab:1"'),
        (waiting("ImagePullBackOff", "pull access denied"), "its registry doesn't let us"),
        (waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"), "as root"),
        (waiting("ImagePullBackOff", "connection refused"), None),
        (waiting("ContainerCreating"), None),
        (waiting("JobHeld", HELD), None),
        (None, None),
    ],
)
def test_there_is_hope_until_there_is_none(state: dict[str, Any] | None, said: str | None) -> None:
    found = hopeless(pod(state=state))
    assert found is None if said is None else said in str(found)


def last(**changes: Any) -> LastSeen:
    usual: dict[str, Any] = {
        "scheduler": Fate(Stage.RUNNING),
        "reported": True,
        "failures": 0,
        "failure_limit": 10,
        "last_failure": "",
        "start_limit": "10m",
        "heartbeat_limit": "2m",
    }
    return LastSeen(**{**usual, **changes})


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (last(), "The scheduler was silent for 2m"),
        (last(scheduler=None), "The scheduler's pod is gone"),
        (last(scheduler=Fate(Stage.FAILED, "OOMKilled")), "The scheduler used more memory than it had"),
        (last(scheduler=Fate(Stage.FAILED, "Error", "Exit 1.")), "The scheduler failed. Exit 1."),
        (last(scheduler=DELETED), "The scheduler's pod was deleted"),
        (last(scheduler=Fate(Stage.ENDED)), "The scheduler was shut down"),
        (last(reported=False), "The scheduler didn't report within 10m."),
        (
            last(reported=False, scheduler=Fate(Stage.WAITING, "Unschedulable", "0/3 nodes")),
            "within 10m. It is waiting: 0/3 nodes",
        ),
        (
            last(failures=10, last_failure="No such image."),
            "10 workers, one after the other, failed to start. The last one: No such image.",
        ),
    ],
)
def test_a_cluster_that_nobody_ended_says_why(seen: LastSeen, said: str) -> None:
    assert said in sentence(seen)


def test_a_scheduler_that_was_shut_down_is_no_failure() -> None:
    assert "client.shutdown()" in cluster_end.scheduler_over(Fate(Stage.ENDED))
