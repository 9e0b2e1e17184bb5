"""What tests start ends with them."""

import time
from pathlib import Path

from condor_sidecar.job.supervisor.processes import descendants
from condor_sidecar.model.result import JobPhase

from tests.unit.sidecar.supervisor.jobs import Job, kill_all, pod, shell


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_job_that_nobody_ended_is_ended_with_all_that_it_goes_on_starting(tmp_path: Path) -> None:
    job = Job(tmp_path / "job", pod(shell("main", "while :; do sleep 0.01; done"))).start()
    job.wait_until(lambda result: result.phase is JobPhase.RUNNING)
    assert job.process is not None
    family = [job.process.pid, *descendants(job.process.pid)]
    kill_all()
    limit = time.monotonic() + 10
    while any(lives(pid) for pid in family):
        assert time.monotonic() < limit
        time.sleep(0.01)
