"""What the tests' browser is told."""

from ipaddress import IPv4Network

from devcluster.addresses import AddressPlan
from devcluster.browser import arguments

PLAN = AddressPlan(IPv4Network("10.213.0.64/26"))


def test_it_knows_the_platforms_names_and_no_others() -> None:
    (rules,) = [word.partition("=")[2].split(", ") for word in arguments(PLAN) if word.startswith("--host-resolver")]
    assert f"MAP hub.highrate.test {PLAN.hub}" in rules
    assert f"MAP iam.highrate.test {PLAN.hub}" in rules
    assert rules[-1] == "MAP * ~NOTFOUND"  # the first rule that fits counts


def test_it_checks_certificates() -> None:
    assert not any("certificate" in word for word in arguments(PLAN))
