"""Packages come from the mirrors that the host uses, for the suite that the machines have."""

from devcluster.apt_mirrors import Mirrors, parse_index_targets, sources

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
    assert sources(Mirrors(), with_sid=True) == ""


def test_sid_is_added_only_where_asked_for() -> None:
    mirrors = Mirrors("http://m/debian", "http://m/security")
    plain = sources(mirrors, with_sid=False).splitlines()
    assert plain == ["deb http://m/debian trixie main", "deb http://m/security trixie-security main"]
    assert sources(mirrors, with_sid=True).splitlines() == [*plain, "deb http://m/debian sid main"]
