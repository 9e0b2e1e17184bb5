"""A supervisor that is killed outright, with its pod: what HTCondor brings back all the same has everything that is known."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from condor_sidecar.io.output_store import OutputStore, Sandbox
from condor_sidecar.model.result import ContainerState, JobPhase, JobResult

from tests.unit.sidecar.supervisor.jobs import Job, by_name, pod, shell, text


@pytest.fixture
def store(tmp_path: Path) -> OutputStore:
    made = OutputStore(tmp_path / "data")
    made.prepare()
    return made


def brought(job: Job, store: OutputStore) -> Sandbox:
    """The job's folder as HTCondor brings it back, read."""
    folder = store.sandbox("uid")
    folder.mkdir()
    for name, there in (("out.tar", "out.tar"), ("out", "supervisor.out"), ("err", "supervisor.err")):
        shutil.copy(job.scratch / name, folder / there)
    return store.read_sandbox("uid", ["c", "d"])


def has(words: str, name: str) -> Callable[[JobResult], bool]:
    return lambda result: name in result.logs and words in text(result, name)


def test_of_a_running_pod_the_streamed_logs_are_kept(tmp_path: Path, store: OutputStore) -> None:
    job = Job(tmp_path / "job", pod(shell("c", "echo so far; sleep 60"), shell("d", "echo other; exit 3"))).start()
    job.wait_until(has("so far", "c"))
    job.wait_until(lambda result: by_name(result)["c"].state is ContainerState.RUNNING)
    job.wait_until(lambda result: by_name(result)["d"].exit_code == 3)
    job.kill()
    with (job.scratch / "err").open("a") as errors:
        errors.write("the supervisor's last words\n")
    assert job.saved().logs == {}, "what is left on the disk for this case has no logs"
    found = brought(job, store)
    assert found.final is not None
    assert found.final.phase is JobPhase.RUNNING
    assert by_name(found.final)["c"].state is ContainerState.RUNNING
    assert by_name(found.final)["d"].exit_code == 3
    assert (text(found.final, "c"), text(found.final, "d")) == ("so far\n", "other\n")
    assert "the supervisor's last words" in found.problem


def test_of_an_ending_pod_the_lines_after_the_last_change_are_kept(tmp_path: Path, store: OutputStore) -> None:
    go_on = tmp_path / "go-on"
    last = f"while [ ! -e {go_on} ]; do sleep 0.05; done; echo last words; sleep 60"
    script = f"trap '{last}' TERM; echo up; while :; do sleep 0.05; done"
    job = Job(tmp_path / "job", pod(shell("c", script))).start()
    job.wait_until(has("up", "c"))
    job.send()
    job.wait_until(lambda result: result.phase is JobPhase.ENDING)
    go_on.touch()
    job.wait_until(has("last words", "c"))
    job.kill()
    found = brought(job, store)
    assert found.final is not None
    assert found.final.phase is JobPhase.ENDING
    assert text(found.final, "c") == "up\nlast words\n"


def test_a_log_that_was_too_long_to_be_streamed_is_taken_from_the_file(tmp_path: Path, store: OutputStore) -> None:
    script = "trap '' TERM; echo up; seq 1000; while :; do sleep 0.05; done"
    job = Job(tmp_path / "job", pod(shell("c", script), streamed_log_bytes=1000)).start()
    job.wait_until(has("the log goes on", "c"))
    job.wait_until(lambda _: any(b" 1000\n" in log.read_bytes() for log in (job.scratch / "pod/logs").iterdir()))
    job.send()
    job.wait_until(lambda _: job.saved().phase is JobPhase.ENDING)
    job.kill()
    found = brought(job, store)
    assert found.final is not None
    assert text(found.final, "c").endswith("\n999\n1000\n")
