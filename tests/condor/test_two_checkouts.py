"""A second checkout beside the first: neither disturbs the other, a killed machine is repaired, and nothing is left in the end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from devcluster.paths import Checkout
from devcluster.site.access import Site, running_site

from devcluster import cgroups

_PARTS_OF_A_CHECKOUT = ("devcluster", "images", "requirements.lock", "pyproject.toml")


def site_command(checkout: Checkout, word: str) -> None:
    command = [sys.executable, "-m", "devcluster.site", word]
    run = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def traces(checkout: Checkout) -> list[str]:
    """Whatever the kernel still knows of a checkout."""
    name = f"hr{checkout.id}"
    found = [f"namespace {place.name}" for place in Path("/var/run/netns").glob(f"{name}*")]
    found += [f"interface {place.name}" for place in Path("/sys/class/net").glob(f"{name}*")]
    found += [f"cgroup {place}" for place in Path("/sys/fs/cgroup").glob(f"**/{name}*")]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [f"mount {line.split()[1]}" for line in mounts if str(checkout.root) in line]
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes()
        except OSError:
            continue
        if str(checkout.root).encode() in command:
            found.append(f"process {place.parent.name} {command[:200]!r}")
    return found


@pytest.fixture
def second(tmp_path: Path, site: Site) -> Iterator[Checkout]:
    root = tmp_path / "second"
    root.mkdir()
    for part in _PARTS_OF_A_CHECKOUT:
        source = site.checkout.root / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / part)
    checkout = Checkout(root)
    yield checkout
    site_command(checkout, "down")


@pytest.mark.timeout(600)
def test_a_second_checkout_runs_is_repaired_and_goes_without_a_trace(second: Checkout, site: Site) -> None:
    assert "Total for all users" in site.run(["condor_q", "-allusers"]).stdout
    site_command(second, "up")
    other = running_site(second)
    assert other.network.plan.site != site.network.plan.site
    assert "ce@" in other.run(["condor_status", "-schedd", "-af", "Name"], ce=True).stdout

    pid = other.machine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    site_command(second, "up")
    repaired = running_site(second)
    assert repaired.machine.pid not in (None, pid)
    assert repaired.token(), "the provider answers again"
    assert "schedd@" in repaired.run(["condor_status", "-schedd", "-af", "Name"]).stdout

    site_command(second, "down")
    assert traces(second) == []
    after = running_site(site.checkout).run(["condor_q", "-allusers"]).stdout
    assert "Total for all users" in after, "the first site suffered"


def test_what_runs_in_a_group_of_a_machine_that_is_gone_is_ended_with_the_group(tmp_path: Path) -> None:
    layout, name = cgroups.host_layout(), Checkout(tmp_path).kernel_name("gone")
    assert layout is not None
    cgroups.create(layout, name)
    orphan = subprocess.Popen(["sleep", "600"])
    cgroups.join(layout, name, orphan.pid)
    try:
        assert cgroups.remove_all(name) == []
        assert orphan.wait(10) == -signal.SIGKILL
    finally:
        orphan.kill()
    assert list(Path("/sys/fs/cgroup").glob(f"**/{name}")) == []
