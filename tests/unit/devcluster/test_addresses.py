"""Every checkout gets a subnet of its own, and everything in it has its place."""

from ipaddress import IPv4Network

import pytest
from devcluster.addresses import POOL, SUBNETS, AddressPlan, choose_subnet
from devcluster.site.workers import MOST


def test_the_ends_of_all_links_are_different_addresses_of_the_subnet() -> None:
    plan = AddressPlan(IPv4Network("10.213.1.64/26"))
    ends = [end for link in (plan.host_hub, plan.host_site, plan.hub_site) for end in (link.left, link.right)]
    assert len(set(ends)) == 6
    assert all(end in plan.subnet for end in ends)


def test_each_link_fills_one_network_of_its_prefix() -> None:
    plan = AddressPlan(SUBNETS[3])
    for link in (plan.host_hub, plan.host_site, plan.hub_site):
        network = IPv4Network(f"{link.left}/{link.prefix}", strict=False)
        assert link.right in network
        assert {link.left, link.right}.isdisjoint({network.network_address, network.broadcast_address})


def test_worker_machines_have_addresses_that_nobody_else_has() -> None:
    plan = AddressPlan(SUBNETS[3])
    workers = [plan.worker(number) for number in range(MOST + 1)]
    ends = [end for link in (plan.host_hub, plan.host_site, plan.hub_site) for end in (link.left, link.right)]
    assert len({*workers, *ends}) == MOST + 1 + 6
    assert all(address in plan.workers and address in plan.subnet for address in workers)
    assert plan.workers.broadcast_address not in workers


def test_names_lead_to_the_hub_and_the_site() -> None:
    plan = AddressPlan(SUBNETS[0])
    assert f"{plan.hub} iam.highrate.test" in plan.hosts_file()
    assert f"{plan.site} ce.highrate.test" in plan.hosts_file()
    assert plan.hosts_file().startswith("127.0.0.1 localhost\n")


def test_a_checkout_keeps_to_the_subnet_of_its_id() -> None:
    assert choose_subnet("0000ff", frozenset()) == choose_subnet("0000ff", frozenset())
    assert choose_subnet("0000ff", frozenset()) != choose_subnet("0000fe", frozenset())
    assert choose_subnet("ffffff", frozenset()).subnet_of(POOL)


def test_a_taken_subnet_is_passed_over() -> None:
    first = choose_subnet("000000", frozenset())
    assert choose_subnet("000000", frozenset({first})) == SUBNETS[1]


def test_the_last_subnet_is_followed_by_the_first() -> None:
    last = f"{len(SUBNETS) - 1:06x}"
    assert choose_subnet(last, frozenset({SUBNETS[-1]})) == SUBNETS[0]


def test_a_full_pool_is_said_so() -> None:
    with pytest.raises(LookupError, match=r"10\.213\.0\.0/16"):
        choose_subnet("000000", frozenset({POOL}))
