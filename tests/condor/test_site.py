"""The site is what real ones are: it maps identities, refuses strangers, and lets little in."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from devcluster.iam import registry
from devcluster.network import in_netns
from devcluster.site import layout
from devcluster.site.access import Site

ENDPOINTS = tuple(layout.ENDPOINTS)

# htcondor2 keeps its configuration and sessions for a whole process: every client is one of its own.
CLIENT = """\
import json, sys, time
import htcondor2 as htcondor
asked = json.load(sys.stdin)
for name, value in asked["params"].items():
    htcondor.param[name] = value
try:
    where = htcondor.Collector(asked["collector"]).locate(htcondor.DaemonType.Schedd, asked["schedd"])
    if where is None:
        raise htcondor.HTCondorException("no schedd is advertised")
    answer = {"user": htcondor.ping(where, "WRITE")["MyRemoteUserName"]}
    schedd = htcondor.Schedd(where)
    if asked["submit"]:
        result = schedd.submit(htcondor.Submit(asked["submit"]), spool=True)
        schedd.spool(result)
        job = f"ClusterId == {result.cluster()}"
        names = ["JobStatus", "RemoveReason", "ExitCode", "ClusterId"]
        limit = time.monotonic() + 180
        while time.monotonic() < limit:
            ad = schedd.query(job, projection=names)[0]
            if ad["JobStatus"] in (3, 4):
                break
            time.sleep(0.3)
        schedd.retrieve(job)
        answer["job"] = {name: ad[name] for name in names if isinstance(ad.get(name), (int, str))}
        schedd.act(htcondor.JobAction.Remove, job)
        schedd.edit(job, "LeaveJobInQueue", "false") if ad["JobStatus"] == 3 else None
except htcondor.HTCondorException as problem:
    answer = {"problem": str(problem)}
print(json.dumps(answer))
"""


def as_client(
    site: Site, folder: Path, endpoint: str, token: str, submit: dict[str, str] | None = None
) -> dict[str, Any]:
    """What a client with nothing but this token achieves."""
    (folder / "token").write_text(token)
    asked = {
        "collector": site.collector(endpoint),
        "schedd": site.schedd_name(endpoint),
        "submit": submit,
        "params": {
            "SEC_CLIENT_AUTHENTICATION_METHODS": "SCITOKENS",
            "SEC_CLIENT_AUTHENTICATION_TIMEOUT": "10",
            "SCITOKENS_FILE": str(folder / "token"),
            "AUTH_SSL_CLIENT_CAFILE": str(site.ca_file),
        },
    }
    env = {"CONDOR_CONFIG": "/dev/null", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT], input=json.dumps(asked), env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def description(folder: Path, script: str, **more: str) -> dict[str, str]:
    (folder / "run.sh").write_text(script)
    return {
        "executable": str(folder / "run.sh"),
        "initialdir": str(folder),
        "output": "out",
        "error": "err",
        "should_transfer_files": "YES",
        "when_to_transfer_output": "ON_EXIT",
        "request_memory": "100",
        "request_cpus": "1",
        "request_disk": str(20 << 20),
        "MY.maxMemory": "100",
        **more,
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_job_runs_as_the_pilot_and_may_make_containers(site: Site, tmp_path: Path, endpoint: str) -> None:
    script = "#!/bin/sh\nid -un; unshare --user --map-root-user id -u; apptainer --version; exit 3\n"
    answer = as_client(site, tmp_path, endpoint, site.token(), description(tmp_path, script))
    assert answer["user"] == "pilot1@highrate.test"
    assert answer["job"]["ExitCode"] == 3
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[:2] == ["pilot1", "0"]
    assert lines[2].startswith("apptainer version")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_strangers_are_refused(site: Site, tmp_path: Path, endpoint: str) -> None:
    refused = {
        "unmapped subject": site.token(registry.STRANGER),
        "other audience": site.token(audience="https://elsewhere:9618"),
        "forged": site.token()[:-12] + "AAAAAAAAAAAA",
        "no right to write": site.token(scope="compute.read"),
    }
    for reason, token in refused.items():
        assert "problem" in as_client(site, tmp_path, endpoint, token), reason


def test_an_expired_token_is_refused(site: Site, tmp_path: Path) -> None:
    token = site.token(registry.BRIEF)
    assert as_client(site, tmp_path, "schedd", token)["user"] == "pilot1@highrate.test"
    limit = time.monotonic() + registry.BRIEF_SECONDS + 60
    while "problem" not in as_client(site, tmp_path, "schedd", token):
        assert time.monotonic() < limit, "the token is still taken"
        time.sleep(1)


@pytest.mark.timeout(300)
def test_the_compute_element_runs_nothing_twice(site: Site, tmp_path: Path) -> None:
    """A job over its wall time is removed by the pool; the router must not start another."""
    script = "#!/bin/sh\nexec sleep 60\n"
    wish = description(tmp_path, script, **{"MY.maxWallTime": "0.05", "leave_in_queue": "true"})
    job = as_client(site, tmp_path, "ce", site.token(), wish)["job"]
    assert job["JobStatus"] == 3
    assert "retries are off" in job["RemoveReason"]
    copies = ["-constraint", f'RoutedFromJobId == "{job["ClusterId"]}.0"', "-af:j", "QDate"]
    found = [site.run([*tool, *copies]).stdout.splitlines() for tool in (["condor_q", "-all"], ["condor_history"])]
    assert len(found[0] + found[1]) == 1, found


def test_only_queues_and_edge_let_anybody_in(site: Site) -> None:
    address = str(site.network.plan.site)
    listener = subprocess.Popen(
        site.machine.command(["python3", "-m", "http.server", "8000"]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        limit = time.monotonic() + 20
        while ":8000" not in in_netns(site.network.site_netns, ["ss", "-ltn"]):
            assert time.monotonic() < limit, "the test's server doesn't listen"
            time.sleep(0.1)
        assert not reachable(address, 8000)
        assert all(reachable(address, port) for port in (layout.POOL_PORT, layout.CE_PORT))
        # From inside it is there: what refused was the packet filter.
        site.run(["curl", "--silent", "--output", "/dev/null", f"http://{address}:8000/"])
    finally:
        listener.kill()
        listener.wait()
        site.run(["sh", "-c", "kill $(ss -ltnpH sport = :8000 | grep -o 'pid=[0-9]*' | cut -d= -f2)"], check=False)


def reachable(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


@pytest.mark.alone
def test_what_is_killed_comes_back(site: Site, tmp_path: Path) -> None:
    before = site.machine.programs()["condor"]
    site.run(["sh", "-c", "kill -9 $(pidof condor_schedd condor_startd)"])
    site.run(["kill", "-9", str(before.pid)])
    limit = time.monotonic() + 90
    while as_client(site, tmp_path, "schedd", site.token()).get("user") is None:
        assert time.monotonic() < limit, "the pool didn't come back"
        time.sleep(0.5)
    answer = as_client(site, tmp_path, "schedd", site.token(), description(tmp_path, "#!/bin/sh\nexit 5\n"))
    assert answer["job"]["ExitCode"] == 5
