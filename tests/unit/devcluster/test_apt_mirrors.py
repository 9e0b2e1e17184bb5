"""Packages come from the mirrors that the host uses, for the suite that the machines have."""

import subprocess
from pathlib import Path

import pytest
from devcluster.apt_mirrors import Mirrors, parse_index_targets, sid_hook, sources

HOST = """\
http://mirror.example/debian-security/ Debian main bookworm-security oldstable-security
http://mirror.example/debian/ Debian main bookworm oldstable
http://mirror.example/debian/ Debian main bookworm-updates oldstable-updates
http://tools.example/apt/ Some-Vendor main nodistro stable
"""


def test_debians_own_archives_are_taken_whatever_the_hosts_release() -> None:
    assert parse_index_targets(HOST) == Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_a_host_of_another_distribution_names_no_mirror() -> None:
    assert parse_index_targets("http://archive.example/ubuntu/ Ubuntu main noble noble\n") == Mirrors()
    assert sources(Mirrors()) == ""


def test_the_suite_and_its_security_updates_are_asked_for() -> None:
    lines = sources(Mirrors("http://m/debian", "http://m/security")).splitlines()
    assert lines == ["deb http://m/debian trixie main", "deb http://m/security trixie-security main"]


DEB822 = """\
Types: deb
URIs: http://m/debian
Suites: trixie trixie-updates
Components: main

"""


@pytest.mark.parametrize(
    ("name", "text", "made", "expected"),
    [
        (
            "sources.list",
            "deb http://m/debian trixie main\ndeb http://m/debian-security trixie-security main\n",
            "sid.list",
            "deb http://m/debian sid main\n",
        ),
        (
            "sources.list.d/main.list",
            "deb [trusted=yes] http://m trixie main\n",
            "sid.list",
            "deb [trusted=yes] http://m sid main\n",
        ),
        ("sources.list.d/debian.sources", DEB822, "sid.sources", DEB822.replace("trixie trixie-updates", "sid")),
    ],
)
def test_sid_comes_from_the_suites_mirror_however_that_is_written(
    tmp_path: Path, name: str, text: str, made: str, expected: str
) -> None:
    apt = tmp_path / "etc" / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    (apt / name).write_text(text)
    subprocess.run(["sh", "-c", sid_hook(), "hook", tmp_path], check=True)
    assert (apt / "sources.list.d" / made).read_text() == expected
    assert [place.name for place in (apt / "sources.list.d").glob("sid.*")] == [made]
    assert "Pin-Priority: 50" in (apt / "preferences.d" / "sid").read_text()
