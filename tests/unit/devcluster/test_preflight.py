"""Conditions: which stop a start, and that each says what to do."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from devcluster.host_facts import install_packages
from devcluster.preflight import GIB, HostFacts, Trial, judge_embedded, stops

GOOD = HostFacts(
    is_root=True,
    machine="x86_64",
    cgroup_version=2,
    hybrid=False,
    memory_available=16 * GIB,
    disk_free=100 * GIB,
    disk_place="/root/.cache",
    missing_commands=(),
    namespaces=Trial(True),
    overlay=Trial(True),
    packet_filter=Trial(True),
    bridge_filter=True,
)


def test_a_good_machine_passes_without_doubts() -> None:
    conditions = judge_embedded(GOOD)
    assert not stops(conditions)
    assert {condition.verdict for condition in conditions} == {"ok"}


@pytest.mark.parametrize(
    ("change", "name", "remedy"),
    [
        ({"is_root": False}, "root", "sudo"),
        ({"machine": "riscv64"}, "processor", "x86_64"),
        ({"cgroup_version": None}, "cgroups", "mount"),
        ({"memory_available": GIB}, "memory", "GiB are needed"),
        ({"disk_free": GIB}, "disk", "XDG_CACHE_HOME"),
        ({"missing_commands": ("mmdebstrap", "nft")}, "programs of the host", "install"),
        ({"machine": "aarch64", "lacking_tools": ("helm",)}, "kubectl and helm", "install helm >= 3.14"),
        ({"namespaces": Trial(False, "Operation not permitted")}, "namespaces", "--privileged"),
        ({"overlay": Trial(False, "no such device")}, "overlay file system", "modprobe overlay"),
        ({"packet_filter": Trial(False)}, "veth and nftables", "nf_tables"),
    ],
)
def test_what_is_missing_stops_the_start_and_says_what_to_do(change: dict[str, Any], name: str, remedy: str) -> None:
    conditions = judge_embedded(replace(GOOD, **change))
    assert stops(conditions)
    missing = [condition for condition in conditions if condition.verdict == "missing"]
    assert [condition.name for condition in missing] == [name]
    assert remedy in missing[0].remedy


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"memory_available": 4 * GIB}, "memory"),
        ({"disk_free": 8 * GIB}, "disk"),
        ({"bridge_filter": False}, "br_netfilter"),
    ],
)
def test_what_is_doubtful_is_said_and_stops_nothing(change: dict[str, Any], name: str) -> None:
    conditions = judge_embedded(replace(GOOD, **change))
    assert not stops(conditions)
    assert [condition.name for condition in conditions if condition.verdict == "doubtful"] == [name]


def test_without_root_docker_is_the_other_way() -> None:
    (root, *_) = judge_embedded(replace(GOOD, is_root=False, docker=True))
    assert "--provider kind" in root.remedy


@pytest.mark.parametrize(("version", "hybrid", "said"), [(1, False, "v1"), (2, False, "v2"), (1, True, "hybrid")])
def test_all_cgroup_layouts_will_do(version: int, hybrid: bool, said: str) -> None:
    conditions = judge_embedded(replace(GOOD, cgroup_version=version, hybrid=hybrid))
    (found,) = [condition for condition in conditions if condition.name == "cgroups"]
    assert found.verdict == "ok"
    assert said in found.seen


def test_what_apt_said_is_shown() -> None:
    facts = replace(GOOD, missing_commands=("nft",), apt_said="E: Unable to locate package nftables")
    (found,) = [condition for condition in judge_embedded(facts) if condition.verdict == "missing"]
    assert "no nft" in found.seen and "Unable to locate package nftables" in found.seen


@pytest.mark.parametrize(("code", "expected"), [(0, ""), (100, "E: no network\nE: Unable to locate package nftables")])
def test_apts_last_lines_are_kept_if_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: str
) -> None:
    script = tmp_path / "apt-get"
    script.write_text(f"""#!/bin/sh
[ "$1" = update ] && {{ echo "E: no network" >&2; exit {code}; }}
echo "E: Unable to locate package nftables" >&2
exit {code}
""")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert install_packages(("nft",)) == expected
