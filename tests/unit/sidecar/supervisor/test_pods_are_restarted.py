"""Containers that ended are started again, beside them sidecars run, and what is too large is ended."""

import sys
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.model.result import ContainerState, EarlierEnd, JobPhase, JobResult

from tests.unit.sidecar.supervisor.jobs import Job, by_name, init, pod, shell, sidecar, text

EATER = "import time; x = b'x' * (150 << 20); print('full', flush=True); time.sleep(1000)"
POLITE = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done"


def second_time(folder: Path, first: str, then: str) -> str:
    """A script that does something else when it is run again."""
    return f"if [ -e {folder}/once ]; then {then}; else touch {folder}/once; {first}; fi"


def told(result: JobResult) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in result.events]


def test_a_failed_container_runs_again_and_how_it_failed_is_kept(tmp_path: Path) -> None:
    message = tmp_path / "job/pod/containers/a/start/termination-message"
    script = second_time(tmp_path, f"echo one; echo broken > {message}; exit 3", "echo two")
    job = Job(tmp_path / "job", pod(shell("a", script), restart_policy=plan.ON_FAILURE))
    result = job.run()
    ended = by_name(result)["a"]
    assert (ended.exit_code, ended.restart_count, ended.message) == (0, 1, "")
    assert ended.last is not None
    assert (ended.last.exit_code, ended.last.reason, ended.last.message) == (3, "Error", "broken\n")
    assert (text(result, "a"), text(result, "a.previous")) == ("two\n", "one\n")
    streamed = job.seen()
    assert streamed is not None
    assert streamed.logs == result.logs


def test_what_fails_again_waits_longer_and_a_pod_that_is_told_to_stop_then_ends(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", "exit 3"), restart_policy=plan.ALWAYS)).start()
    waiting = job.wait_until(lambda result: by_name(result)["a"].reason == "CrashLoopBackOff")
    a = by_name(waiting)["a"]
    assert a.message == "back-off 10s restarting failed container=a pod=pod_default(uid)"
    assert (a.state, a.restart_count, waiting.phase) == (ContainerState.WAITING, 1, JobPhase.RUNNING)
    assert ("BackOff", "Back-off restarting failed container a in pod pod_default(uid)") in told(waiting)
    job.send()
    a = by_name(job.end())["a"]
    assert (a.state, a.exit_code, a.restart_count) == (ContainerState.TERMINATED, 3, 1)


def test_an_init_container_is_tried_again(tmp_path: Path) -> None:
    script = second_time(tmp_path, "exit 3", "exit 0")
    result = Job(
        tmp_path / "job", pod(init("i", "/bin/sh", "-c", script), shell("a", "echo a"), restart_policy=plan.ON_FAILURE)
    ).run()
    assert (by_name(result)["i"].restart_count, text(result, "a")) == (1, "a\n")


def test_a_sidecar_runs_beside_the_others_and_is_ended_after_them(tmp_path: Path) -> None:
    order = tmp_path / "order"
    beside = f"trap 'echo sidecar >> {order}; exit 9' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
    wait = f"while [ ! -e {tmp_path}/up ]; do sleep 0.05; done; echo main >> {order}"
    result = Job(tmp_path / "job", pod(sidecar("s", beside), init("i", "true"), shell("a", wait))).run()
    assert order.read_text().split() == ["main", "sidecar"]
    assert {name: each.exit_code for name, each in by_name(result).items()} == {"s": 9, "i": 0, "a": 0}
    assert (result.phase, result.reason) == (JobPhase.ENDED, "")


def test_a_sidecar_that_ends_comes_again_though_the_pod_never_restarts(tmp_path: Path) -> None:
    beside = second_time(tmp_path, "exit 0", f"touch {tmp_path}/again; {POLITE}")
    wait = f"while [ ! -e {tmp_path}/again ]; do sleep 0.05; done"
    result = Job(tmp_path / "job", pod(sidecar("s", beside), shell("a", wait))).run()
    assert by_name(result)["s"].restart_count == 1
    assert by_name(result)["a"].exit_code == 0


def test_the_job_s_own_exit_code_is_not_a_sidecar_s(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(sidecar("s", "trap 'exit 9' TERM; while :; do sleep 0.05; done"), shell("a", "exit 0")))
    job.run()
    assert job.process is not None and job.process.returncode == 0


def test_who_takes_more_memory_than_its_limit_is_killed(tmp_path: Path) -> None:
    eater = shell("a", f'exec {sys.executable} -c "{EATER}"', memory_limit=64 << 20)
    beside = shell("b", f'exec {sys.executable} -c "{EATER.replace("1000", "0")}"', memory_limit=1 << 30)
    ended = by_name(Job(tmp_path, pod(eater, beside)).run())
    assert (ended["a"].exit_code, ended["a"].signal, ended["a"].reason) == (137, 9, "OOMKilled")
    assert ended["b"].exit_code == 0


def test_who_was_killed_for_memory_comes_again_by_the_policy(tmp_path: Path) -> None:
    script = second_time(tmp_path, f'exec {sys.executable} -c "{EATER}"', "exit 0")
    eater = shell("a", script, memory_limit=64 << 20)
    a = by_name(Job(tmp_path / "job", pod(eater, restart_policy=plan.ON_FAILURE)).run())["a"]
    assert (a.exit_code, a.restart_count) == (0, 1)
    assert a.last is not None
    assert EarlierEnd(a.last.exit_code, a.last.reason, signal=a.last.signal) == EarlierEnd(137, "OOMKilled", signal=9)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([1 << 20, None], 'Container a exceeded its local ephemeral storage limit "1Mi".'),
        ([None, 1 << 20], "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi."),
    ],
)
def test_who_writes_more_than_its_limit_evicts_the_pod(tmp_path: Path, limits: list[int | None], words: str) -> None:
    upper = tmp_path / "pod/containers/a/overlay/upper"
    writes = POLITE.replace("echo up", f"head -c 3000000 /dev/zero > {upper}/big")
    writer = shell("a", writes, storage_limit=limits[0])
    result = Job(tmp_path, pod(writer, shell("b", POLITE, storage_limit=limits[1]))).run()
    assert (result.reason, result.message) == ("Evicted", words)
    assert by_name(result)["a"].exit_code == 0, "it was asked to end"


def test_the_memory_of_commands_in_a_container_is_the_container_s(tmp_path: Path) -> None:
    eater = plan.Action("exec", ["/bin/sh", "-c", f'{sys.executable} -c "{EATER}"; exit 1'])
    probe = plan.Probe(eater, timeout=100)
    beside = shell("b", POLITE, memory_limit=64 << 20)
    job = Job(tmp_path, pod(shell("a", POLITE, memory_limit=64 << 20, readiness=probe), beside)).start()
    ended = by_name(job.wait_until(lambda result: by_name(result)["a"].exit_code is not None))
    assert (ended["a"].exit_code, ended["a"].reason) == (137, "OOMKilled")
    assert ended["b"].exit_code is None
    job.send()
    job.end()
