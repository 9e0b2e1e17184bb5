"""The networks of the pool's worker machines."""

import subprocess
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from devcluster.addresses import AddressPlan
from devcluster.machine import Machine
from devcluster.network import Network
from devcluster.paths import Checkout
from devcluster.site import layout, workers

CHECKOUT = Checkout(Path("/nowhere"))
NETWORK = Network(CHECKOUT, AddressPlan(IPv4Network("10.213.1.64/26")))


def test_each_machine_has_its_own_network_and_address_and_leaves_by_the_bridge() -> None:
    script = workers.setup_script(NETWORK, ["worker-1", "worker-2"])
    assert "ip address replace 10.213.1.97/27 dev workers" in script
    assert "ip -n worker-1 address replace 10.213.1.98/27 dev eth0" in script
    assert "ip -n worker-2 address replace 10.213.1.99/27 dev eth0" in script
    assert script.count("route replace default via 10.213.1.97") == 2


def test_the_script_is_one_that_a_shell_understands() -> None:
    script = workers.setup_script(NETWORK, ["worker-1"])
    subprocess.run(["sh", "-n", "-e"], input=script, text=True, check=True)


def test_more_machines_than_addresses_are_refused() -> None:
    machine = Machine(CHECKOUT, "site", Path("/"), "site")
    with pytest.raises(ValueError, match="addresses for 29"):
        workers.provide(machine, NETWORK, layout.Slots(machines=30))
