"""The pool's and the compute element's configuration, read by HTCondor's own parser."""

import json
import re
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from devcluster.iam import registry
from devcluster.site import condor, layout

ADDRESS = IPv4Address("10.213.0.6")

READ = """\
import json, sys
import htcondor2
print(json.dumps({name: str(htcondor2.param[name]) for name in sys.argv[1:]}))
"""


def read(text: str, place: Path, *names: str) -> dict[str, str]:
    """What a daemon would see; a process of its own, since the library reads its configuration once."""
    place.write_text(text)
    env = {"CONDOR_CONFIG": str(place), "PATH": "/usr/bin:/bin"}
    argv = [sys.executable, "-c", READ, *names]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    values: dict[str, str] = json.loads(done.stdout)
    return values


@pytest.fixture
def pool() -> str:
    return condor.pool_config(ADDRESS, layout.Slots(cpus=3, memory_mib=4000))


@pytest.fixture
def ce() -> str:
    return condor.ce_config(ADDRESS)


def test_the_pool_offers_the_slots_that_were_asked_for(pool: str, tmp_path: Path) -> None:
    assert read(pool, tmp_path / "c", "NUM_CPUS", "MEMORY") == {"NUM_CPUS": "3", "MEMORY": "4000"}


def test_worker_machines_take_the_place_of_the_pools_own_slot(tmp_path: Path) -> None:
    slots = layout.Slots(cpus=3, machines=2)
    assert "STARTD" not in read(condor.pool_config(ADDRESS, slots), tmp_path / "c", "DAEMON_LIST")["DAEMON_LIST"]
    text = condor.worker_config("worker-2", IPv4Address("10.213.0.36"), ADDRESS, slots)
    names = (
        "DAEMON_LIST",
        "COLLECTOR_HOST",
        "NETWORK_INTERFACE",
        "NUM_CPUS",
        "SLOT_TYPE_1_PARTITIONABLE",
        "STARTD_NAME",
    )
    assert read(text, tmp_path / "w", *names) == {
        "DAEMON_LIST": "MASTER SHARED_PORT STARTD",
        "COLLECTOR_HOST": f"{ADDRESS}:{layout.POOL_PORT}",
        "NETWORK_INTERFACE": "10.213.0.36",
        "NUM_CPUS": "3",
        "SLOT_TYPE_1_PARTITIONABLE": "False",
        "STARTD_NAME": "worker-2",
    }


def test_worker_machines_share_no_folder(tmp_path: Path) -> None:
    names = ("LOG", "SPOOL", "EXECUTE", "LOCK")
    texts = [condor.worker_config(f"worker-{number}", ADDRESS, ADDRESS, layout.Slots()) for number in (1, 2)]
    first, second = (read(text, tmp_path / "w", *names) for text in texts)
    assert all(first[name] != second[name] for name in names)


def test_nobody_reads_without_logging_in_and_the_kernel_stays_as_it_is(pool: str, ce: str, tmp_path: Path) -> None:
    names = ("SEC_READ_AUTHENTICATION", "ENABLE_KERNEL_TUNING", "BIND_ALL_INTERFACES", "HOST_ALIAS")
    for text in (pool, ce):
        seen = read(text, tmp_path / "c", *names)
        assert seen["SEC_READ_AUTHENTICATION"] == "REQUIRED"
        assert seen["ENABLE_KERNEL_TUNING"] == seen["BIND_ALL_INTERFACES"] == "False"
        assert seen["HOST_ALIAS"] == "ce.highrate.test"


def test_pool_and_compute_element_have_ports_and_queues_of_their_own(pool: str, ce: str, tmp_path: Path) -> None:
    names = ("SHARED_PORT_PORT", "COLLECTOR_HOST", "SCHEDD_NAME", "SPOOL")
    first, second = (read(text, tmp_path / "c", *names) for text in (f"SPOOL = /pool\n{pool}", ce))
    assert all(first[name] != second[name] for name in names)
    assert second["COLLECTOR_HOST"] == f"{ADDRESS}:{layout.CE_PORT}"


def test_the_router_hands_jobs_to_the_pools_queue(pool: str, ce: str, tmp_path: Path) -> None:
    seen = read(ce, tmp_path / "c", "JOB_ROUTER_SCHEDD2_NAME", "JOB_ROUTER_SCHEDD2_POOL", "JOB_ROUTER_ROUTE_pool")
    names = read(pool, tmp_path / "c", "SCHEDD_NAME", "COLLECTOR_HOST")
    assert seen["JOB_ROUTER_SCHEDD2_NAME"] == names["SCHEDD_NAME"]
    assert seen["JOB_ROUTER_SCHEDD2_POOL"] == names["COLLECTOR_HOST"]
    # A route without it is dropped in silence.
    assert "REQUIREMENTS" in seen["JOB_ROUTER_ROUTE_pool"]


def mapped(subject: str, issuer: str = registry.ISSUER) -> str | None:
    """The account of a token's bearer, by the rules of HTCondor's map file."""
    for line in condor.mapfile().splitlines():
        method, pattern, account = line.split(" ", 2)
        found = re.fullmatch(r"/(.*)/", pattern)
        if method == "SCITOKENS" and found and re.search(found[1].replace("\\/", "/"), f"{issuer},{subject}"):
            return account
    return None


@pytest.mark.parametrize(
    ("issuer", "subject", "account"),
    [
        (registry.ISSUER, registry.SIDECAR, "pilot1@highrate.test"),
        (registry.ISSUER, registry.VK, None),
        (registry.ISSUER, registry.SIDECAR + "x", None),
        (registry.ISSUER, "x" + registry.SIDECAR, None),
        (registry.ISSUER.replace(".", "x"), registry.SIDECAR, None),
        (registry.ISSUER.rstrip("/"), registry.SIDECAR, None),
        (f"https://evil/?{registry.ISSUER}", registry.SIDECAR, None),
    ],
)
def test_only_the_sidecars_own_subject_is_mapped(issuer: str, subject: str, account: str | None) -> None:
    assert mapped(subject, issuer) == account
