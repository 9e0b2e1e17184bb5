"""A pod that is told to stop gets SIGTERM and its grace period, and its states and logs still come back."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.model.result import ContainerState, JobPhase, JobResult

from tests.unit.sidecar.supervisor.jobs import PATIENCE, Job, by_name, container, init, pod, shell, text

POLITE = "trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.05; done"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


def all_up(*names: str) -> Callable[[JobResult], bool]:
    """These containers run and have said so."""

    def up(result: JobResult, name: str) -> bool:
        return by_name(result)[name].state is ContainerState.RUNNING and b"up" in result.logs.get(name, b"")

    return lambda result: all(up(result, name) for name in names)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_containers_are_asked_to_end_and_report_how_they_did(tmp_path: Path, signum: int) -> None:
    job = Job(tmp_path, pod(shell("a", POLITE), shell("b", "exit 0"))).start()
    job.wait_until(all_up("a"))
    job.wait_until(lambda result: by_name(result)["b"].exit_code == 0)
    job.send(signum)
    result = job.end()
    assert (result.phase, result.reason) == (JobPhase.ENDED, "Terminated")
    assert by_name(result)["a"].exit_code == 7
    assert by_name(result)["b"].exit_code == 0
    assert text(result, "a") == "up\ntold\n"


def test_who_doesn_t_end_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", STUBBORN), shell("b", POLITE), grace_seconds=1)).start()
    job.wait_until(all_up("a", "b"))
    job.send()
    result = job.end()
    assert (by_name(result)["a"].exit_code, by_name(result)["a"].signal) == (137, 9)
    assert by_name(result)["b"].exit_code == 7
    assert text(result, "a") == "up\n"


def test_without_a_grace_period_containers_are_asked_all_the_same(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", POLITE), shell("b", STUBBORN), grace_seconds=0)).start()
    job.wait_until(all_up("a", "b"))
    job.send()
    result = job.end()
    assert {name: each.exit_code for name, each in by_name(result).items()} == {"a": 7, "b": 137}


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    job = Job(
        tmp_path, pod(shell("a", "trap 'echo told; sleep 0.5; exit 7' TERM; echo up; while :; do sleep 0.05; done"))
    ).start()
    job.wait_until(all_up("a"))
    job.send()
    job.wait_until(lambda result: b"told" in result.logs.get("a", b""))
    job.send()
    assert by_name(job.end())["a"].exit_code == 7


def test_the_deadline_ends_the_pod_with_its_reason(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(shell("a", POLITE), deadline_seconds=2)).run()
    assert (result.reason, result.message) == ("DeadlineExceeded", "too late")
    assert by_name(result)["a"].exit_code == 7


def test_what_was_not_started_yet_never_starts(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(init("i", "/bin/sh", "-c", POLITE), container("m", "true"))).start()
    job.wait_until(all_up("i"))
    job.send()
    result = job.end()
    assert by_name(result)["i"].exit_code == 7
    assert (by_name(result)["m"].state, by_name(result)["m"].exit_code) == (ContainerState.WAITING, None)


def test_an_image_that_is_being_pulled_doesn_t_hold_up_the_end(tmp_path: Path) -> None:
    main = container("m", "true", image=plan.Image("slow", [], "docker://slow"))
    job = Job(tmp_path, pod(main)).start()
    job.wait_until(lambda result: by_name(result)["m"].reason == "ContainerCreating")
    job.send()
    result = job.end()
    assert (result.phase, result.reason) == (JobPhase.ENDED, "Terminated")
    assert by_name(result)["m"].state is ContainerState.WAITING


def test_should_the_supervisor_be_killed_the_result_tells_what_was_known(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", STUBBORN), shell("b", "echo b"), grace_seconds=60)).start()
    job.wait_until(all_up("a"))
    job.wait_until(lambda result: by_name(result)["b"].exit_code == 0)
    job.send()
    job.wait_until(lambda result: result.phase is JobPhase.ENDING)
    kept = saved(job, JobPhase.ENDING)
    kill_all_of(job)
    assert by_name(kept)["b"].exit_code == 0
    assert by_name(kept)["a"].state is ContainerState.RUNNING
    assert text(kept, "a") == "up\n"


def kill_all_of(job: Job) -> None:
    """What HTCondor does when a job is over: no process of it is left."""
    assert job.process is not None
    for pid in list(with_descendants(job.process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    job.process.wait(PATIENCE)


def with_descendants(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from with_descendants(int(child))


def saved(job: Job, phase: JobPhase) -> JobResult:
    """The result file once it tells of `phase`."""
    limit = time.monotonic() + PATIENCE
    while (result := job.saved()).phase is not phase:
        assert time.monotonic() < limit, result
        time.sleep(0.02)
    return result


@pytest.mark.parametrize("memory", [False, True])
def test_a_volume_over_its_limit_evicts_the_pod(tmp_path: Path, memory: bool) -> None:
    volume = plan.Volume("v", plan.EMPTY, memory=memory, size_limit=100_000)
    fill = f"trap 'exit 9' TERM; head -c 300000 /dev/zero > {tmp_path}/pod/volumes/v/big; while :; do sleep 0.05; done"
    result = Job(tmp_path, pod(shell("a", fill), volumes=[volume])).run()
    assert result.reason == "Evicted"
    assert result.message == 'Usage of EmptyDir volume "v" exceeds the limit "100000".'
    assert by_name(result)["a"].exit_code == 9


def test_the_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    job = Job(
        tmp_path,
        pod(shell("a", "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done'"), grace_seconds=1),
    ).start()
    seen = job.wait_until(lambda result: bool(result.logs.get("a")))
    job.send()
    job.end()
    with pytest.raises(ProcessLookupError):
        os.kill(int(text(seen, "a")), 0)


def test_limits_are_watched_while_a_pod_ends(tmp_path: Path) -> None:
    volume = plan.Volume("v", plan.EMPTY, size_limit=100_000)
    fill = f"head -c 300000 /dev/zero > {tmp_path}/pod/volumes/v/big; echo full"
    script = f"trap '{fill}' TERM; echo up; while :; do sleep 0.05; done"
    job = Job(tmp_path, pod(shell("a", script), volumes=[volume], grace_seconds=3600)).start()
    job.wait_until(all_up("a"))
    job.send()
    result = job.end()
    assert by_name(result)["a"].exit_code == 137
    assert (result.reason, text(result, "a")) == ("Terminated", "up\nfull\n")
